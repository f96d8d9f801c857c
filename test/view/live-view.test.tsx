/** What a person at the terminal of `evio status --watch` sees and can do: widths, colours, staleness, arrow keys. */
import { rmSync } from 'node:fs';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { render as renderInk } from 'ink';
import { render } from 'ink-testing-library';
import type { ReactElement } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PeerReport } from '../../src/core/control/schema.js';
import type { ControlServer } from '../../src/core/control/server.js';
import { StatusView } from '../../src/views/status-view.js';
import { nextSnapshot } from '../../src/views/use-status.js';
import { asTyped } from '../../src/cli/program-name.js';
import { LiveStatus } from '../../src/views/watch-status.js';
import { fakeNode, peer, self, status, TestHome, why } from '../cli/support.js';

// Before Ink is loaded: colours are what is looked at here.
vi.hoisted(() => {
  process.env['FORCE_COLOR'] = '1';
});

/** Where Ink is told of another width than that of its testing library. */
function frameAt(node: ReactElement, columns: number): string {
  let frame = '';
  const stdout = Object.assign(new EventEmitter(), {
    columns,
    write: (text: string) => {
      if (text.trim() !== '') frame = text;
      return true;
    },
  });
  const app = renderInk(node, {
    stdout: stdout as unknown as NodeJS.WriteStream,
    debug: true,
    patchConsole: false,
  });
  app.unmount();
  return frame;
}

function plain(frame: string): string {
  // eslint-disable-next-line no-control-regex
  return frame.replace(/\u001b\[[0-9;?]*[a-zA-Z]/g, '');
}

function other(name: string, digit: string, change: Partial<PeerReport>): PeerReport {
  return { ...peer, id: digit.repeat(32), name, link: null, ...change };
}

const direct = peer;
const relayed = other('carl', '2', {
  link: 'long',
  path: { kind: 'relay', endpoint: 'udp://relay.example.org:3478', rttMs: 21.4 },
});
const members = other('dora', '4', { path: { kind: 'overlay', endpoint: 'via ben', rttMs: 40 } });
const gone = other('emil', '6', { state: 'unreachable', path: null });
const away = other('finn', '7', { state: 'offline', path: null, lastSeenAgeMs: 7_200_000 });
const confined = other('gus', '8', { quarantine: { kind: 'scan', remainingMs: 60_000 } });
const peers = [direct, relayed, members, gone, away, confined];
const snapshot = nextSnapshot(undefined, status, peers, 1000);

describe.each([60, 80, 130])('at %d columns', (columns) => {
  const text = plain(
    frameAt(<StatusView snapshot={snapshot} error={undefined} screen={{ columns, rows: 40 }} />, columns),
  );
  const rowOf = (name: string): string => text.split('\n').find((line) => line.startsWith(`${name} `)) ?? '';

  it('state and path of every peer are told', () => {
    expect(rowOf('NAME')).toMatch(/ STATE .*PATH/);
    expect(rowOf('ben')).toMatch(/ connected +direct 198\.51\./);
    expect(rowOf('carl')).toMatch(/ connected +relay udp:/);
    expect(rowOf('dora')).toMatch(/ connected +overlay via ben/);
    expect(rowOf('emil')).toMatch(/ unreachable +-/);
    expect(rowOf('finn')).toMatch(/ offline +seen 2h 0m ago/);
    expect(rowOf('gus')).toMatch(/ quarantine +direct /);
  });

  it('the round trip is told, and no line is wider', () => {
    expect(rowOf('carl')).toContain('21.4 ms');
    for (const line of text.split('\n')) expect(line.trimEnd().length).toBeLessThanOrEqual(columns);
  });

  it('the state of the relay is told', () => {
    expect(text).toMatch(/Relay +connected udp 12\.3 ms/);
  });
});

describe('width', () => {
  it('leaves out addresses, then rates, then round trips', () => {
    const titles = (columns: number): string =>
      /NAME.*/
        .exec(
          plain(
            frameAt(
              <StatusView snapshot={snapshot} error={undefined} screen={{ columns, rows: 40 }} />,
              columns,
            ),
          ),
        )?.[0]
        .trim()
        .replace(/\s+/g, ' ') ?? '';
    expect(titles(130)).toBe('NAME ADDRESS STATE PATH RTT IN OUT');
    expect(titles(80)).toBe('NAME STATE PATH RTT IN OUT');
    expect(titles(60)).toBe('NAME STATE PATH RTT');
    expect(titles(40)).toBe('NAME STATE PATH');
  });
});

/** The colours in which a text stands, as a part of a coloured one or alone, of the sixteen of a terminal: `32` is green, `33` yellow. */
function coloursOf(frame: string, text: string, alone = false): string[] {
  // eslint-disable-next-line no-control-regex
  return [...frame.matchAll(/\u001b\[(3[0-7]|90)m([^\u001b]*)/g)].flatMap(([, colour = '', said = '']) =>
    (alone ? said === text : said.includes(text)) ? [colour] : [],
  );
}
const [red, green, yellow, magenta] = ['31', '32', '33', '35'];

describe('colours', () => {
  it.each([false, true])('the ring tells who is reached directly and who by a relay (ASCII: %s)', (ascii) => {
    const frame = frameAt(
      <StatusView
        snapshot={snapshot}
        error={undefined}
        screen={{ columns: 80, rows: 30, ascii }}
        page="ring"
      />,
      80,
    );
    const [near, long] = ascii ? ['o', '+'] : ['○', '◆'];
    expect(coloursOf(frame, near, true)).toEqual([green]);
    expect(coloursOf(frame, long, true)).toEqual([yellow]);
    expect(coloursOf(frame, 'direct')).toEqual([green]);
    expect(coloursOf(frame, 'relay')).toEqual([yellow]);
    expect(coloursOf(frame, 'overlay')).toEqual([magenta]);
  });

  it('say the same in the table', () => {
    const frame = frameAt(
      <StatusView snapshot={snapshot} error={undefined} screen={{ columns: 80, rows: 40 }} />,
      80,
    );
    expect(coloursOf(frame, 'direct 198')).toEqual([green, green]);
    expect(coloursOf(frame, 'relay udp')).toEqual([yellow]);
    expect(coloursOf(frame, 'unreachable')).toEqual([red]);
    expect(coloursOf(frame, 'quarantine')).toEqual([red]);
  });

  it.each(['peers', 'ring', 'peer'] as const)('are taken off what is stale: %s', (page) => {
    const frame = frameAt(
      <StatusView
        snapshot={snapshot}
        error={undefined}
        staleMs={12_000}
        screen={{ columns: 80, rows: 40 }}
        page={page}
        chosen={direct.id}
        why={why}
      />,
      80,
    );
    expect(plain(frame)).toContain('As it was 12s ago. The node does not answer. Trying again.');
    // The warning itself is red.
    for (const colour of [green, yellow, magenta]) expect(frame).not.toContain(`\u001b[${colour}m`);
  });
});

/** How this program is called here. */
const npx = { name: 'npx evio', plain: 'npx evio', asRoot: 'sudo npx evio' };

// Machines that run tests are busy ones.
describe('LiveStatus', { timeout: 60_000 }, () => {
  const [up, down, left, enter, escape] = ['\u001b[A', '\u001b[B', '\u001b[D', '\r', '\u001b'];
  let home: TestHome;
  let server: ControlServer | undefined;
  let app: ReturnType<typeof render> | undefined;
  beforeEach(() => {
    home = new TestHome();
  });
  afterEach(async () => {
    app?.unmount();
    await server?.stop();
    rmSync(home.path, { recursive: true, force: true });
  });

  /** The view of a node that answers so. */
  async function live(change: Parameters<typeof fakeNode>[1]): Promise<ReturnType<typeof render>> {
    server = await fakeNode(home, change);
    const path = join(home.path, 'control.sock');
    const source = { path, network: undefined, intervalMs: 10, worded: (text: string) => asTyped(text, npx) };
    app = render(<LiveStatus {...source} />);
    return app;
  }
  async function until(what: RegExp): Promise<string> {
    const end = Date.now() + 10_000;
    for (;;) {
      const text = plain(app?.lastFrame() ?? '');
      if (what.test(text)) return text;
      if (Date.now() > end) throw new Error(`never said ${what}, but\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  it('arrow keys walk to a peer and tell how and why it is reached', async () => {
    const asked: string[] = [];
    const { stdin } = await live({
      peers: () => ({ self, peers, revoked: [] }),
      why: ({ peer: id }) => {
        asked.push(id);
        const one = peers.find((each) => each.id === id) ?? peer;
        return {
          ...why,
          peer: one.id,
          path: one.path,
          advice: [`Advice for ${one.name}.`, 'Or: evio peers'],
        };
      },
    });
    await until(/ben .*connected/);
    stdin.write(down);
    await until(/^> ben /m);
    stdin.write(down);
    await until(/^> carl /m);
    stdin.write(enter);
    const page = await until(/Advice +Advice for carl\./);
    expect(page).toContain('Or: npx evio peers');
    expect(page).toMatch(/Path +relay udp:\/\/relay\.example\.org:3478/);
    expect(page).toMatch(/RTT +21\.4 ms/);
    expect(page).toMatch(/Traffic +in .*, out .*; in all 100 B and 200 B/);
    expect(page).toMatch(/NAT here +endpoint-independent/);
    expect(page).toMatch(/Candidates +remote host 198\.51\.100\.9:4242 active/);
    expect(page).toMatch(/Decisions +13:00:00 path direct/);
    stdin.write(up);
    await until(/Advice +Advice for ben\./);
    stdin.write(up);
    stdin.write(left);
    await until(/^> ben /m);
    // Nobody is asked of whom nobody wants to know.
    expect(new Set(asked)).toEqual(new Set([relayed.id, direct.id]));
    stdin.write(enter);
    await until(/Advice for ben/);
    stdin.write(escape);
    await until(/^> ben /m);
  });

  it('keeps the chosen peer in sight, and drops it when it is no member any more', async () => {
    const many = Array.from({ length: 60 }, (_, i) =>
      other(`n${`${i}`.padStart(2, '0')}`, '1', { id: `${i}`.padStart(32, '0') }),
    );
    let listed = many;
    const { stdin } = await live({ peers: () => ({ self, peers: listed, revoked: [] }) });
    await until(/n00 /);
    for (let i = 0; i <= 15; i++) {
      stdin.write(down);
      await until(new RegExp(`^> n${`${i}`.padStart(2, '0')} `, 'm'));
    }
    listed = many.filter(({ name }) => name !== 'n15');
    // Nobody is chosen: the table begins at its top again.
    await until(/^(?![^]*\n> )[^]*\nn00 /);
  });

  it('says how old the picture is when the node no longer answers, and forgets it when it does', async () => {
    let dumb = false;
    await live({
      peers: () => {
        if (dumb) return new Promise<never>(() => undefined);
        return { self, peers, revoked: [] };
      },
    });
    await until(/ben .*connected/);
    dumb = true;
    await until(/As it was \d+s ago\. The node does not answer\. Trying again\./);
    dumb = false;
    await until(/^(?![^]*As it was)[^]*connected/);
  });

  it('says how old the picture is when the node is gone', async () => {
    await live({ peers: () => ({ self, peers, revoked: [] }) });
    await until(/ben .*connected/);
    await server?.stop();
    server = undefined;
    await until(/As it was [1-9]s ago\. No node runs here\. Trying again\./);
  });
});
