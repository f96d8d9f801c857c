import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { render as renderInk } from 'ink';
import { render } from 'ink-testing-library';
import { afterEach, describe, expect, it } from 'vitest';
import type { ReactElement } from 'react';
import type { LinkRole, PeerReport, StatusReport } from '../../src/core/control/schema.js';
import type { ControlServer } from '../../src/core/control/server.js';
import { ringLinks, ringPicture } from '../../src/views/ring-picture.js';
import { StatusView, type Page, type Screen } from '../../src/views/status-view.js';
import { printsUnicode } from '../../src/views/terminal.js';
import { nextSnapshot, type Snapshot } from '../../src/views/use-status.js';
import { LiveStatus } from '../../src/views/watch-status.js';
import { fakeNode, peer, self, status, TestHome } from '../cli/support.js';

/** A member whose place is `at` of a turn clockwise from this node, `aa…`. */
function member(name: string, at: number, link: LinkRole | null): PeerReport {
  const place = Math.floor(((0xaaaa / 0x10000 + at) % 1) * 0x10000);
  return { ...peer, id: place.toString(16).padStart(4, '0').padEnd(32, '7'), name, link };
}

const peers = [
  member('ben', 0.1, 'successor'),
  member('carl', 0.25, 'successor'),
  member('dora', 0.4, 'long'),
  member('emil', 0.5, 'static'),
  member('finn', 0.6, 'on-demand'),
  member('gus', 0.7, null),
  member('hana', 0.9, 'predecessor'),
  { ...member('ida', 0.8, null), state: 'unreachable' as const },
];
const idOf = (name: string): string => peers.find((one) => one.name === name)?.id ?? '';
const ring: StatusReport['ring'] = {
  sizeEstimate: 8,
  predecessor: idOf('hana'),
  successors: [idOf('ben'), idOf('carl')],
  longLinks: [idOf('dora')],
  onDemand: [idOf('finn')],
  names: Object.fromEntries(peers.map(({ id, name }) => [id, name])),
};
const noLinks = { ...ring, predecessor: null, successors: [], longLinks: [], onDemand: [] };
const snapshot: Snapshot = nextSnapshot(undefined, { ...status, ring }, peers, 1000);

/** What stands on a terminal of that width. */
function frameAt(node: ReactElement, columns: number): string {
  let frame = '';
  const stdout = Object.assign(new EventEmitter(), {
    columns,
    write: (text: string) => {
      // Where CI is set, Ink writes one more line when it ends.
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
  return (
    frame
      // eslint-disable-next-line no-control-regex
      .replace(/\u001b\[[0-9;?]*[a-zA-Z]/g, '')
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd()
  );
}

function view(screen: Screen, page: Page = 'peers', shown = snapshot): string {
  return frameAt(
    <StatusView snapshot={shown} error={undefined} screen={screen} page={page} />,
    screen.columns,
  );
}

describe('ringLinks', () => {
  it('takes what peers and ring tell together, each member once, neighbours first', () => {
    const stranger = 'f'.repeat(32);
    const links = ringLinks({ ring: { ...ring, longLinks: [idOf('dora'), stranger] } }, peers.slice(1));
    expect(links.map(({ name, role }) => `${name} ${role}`)).toEqual([
      'carl neighbour',
      'hana neighbour',
      'ben neighbour',
      'emil static',
      'dora long',
      'ffffffff long',
      'finn on-demand',
    ]);
  });
});

describe('ringPicture', () => {
  it('has this node on top and everybody at their place, clockwise', () => {
    const { lines, legend } = ringPicture({ ...status, ring }, peers, { columns: 56, rows: 18 }, true);
    expect(lines.join('\n')).toMatchInlineSnapshot(`
      "                           anna
                             .....@.....
                         ....           ....
                hana  ...o                 o...  ben
                     ..                       ..
                    ..                         ..
                   ..                           ..
                  ..                             ..
                  .                               .
                  .                               o  carl
                  .                               .
                  .-                             ..
                   ..                           ..
                    ..                         ..
                     ..                       ..
                finn  ...*                 +...  dora
                         ....           ....
                             .....#.....   emil"
    `);
    expect(legend.map(({ role }) => role)).toEqual([
      'self',
      'neighbour',
      'static',
      'long',
      'on-demand',
      'other',
    ]);
  });

  it('is empty for a node that is alone, and where there is no room', () => {
    const empty = { lines: [], placed: [], legend: [] };
    expect(ringPicture({ ...status, ring: noLinks }, [], { columns: 80, rows: 24 })).toEqual(empty);
    expect(ringPicture({ ...status, ring }, peers, { columns: 20, rows: 24 })).toEqual(empty);
  });
});

describe('the live view', () => {
  it('draws the ring beside the facts where the terminal is wide', () => {
    expect(view({ columns: 110, rows: 34 })).toMatchInlineSnapshot(`
      "home 10.144.0.0/16  anna 10.144.0.1 on evio0, up 1m 1s
      Traffic      in 0 bit/s, out 0 bit/s                                           anna
      Drops        no-peer 2                                                     ⢀⣀⢤⣤⠤●⡤⣤⡤⣀⡀
      Relay        connected udp 12.3 ms evio://192.0.…                 hana  ○⠴⠟⠓⠉⠁ ⢰⢹⡎⠢⡈⠉⠚⠻⠦○  ben
      NAT          endpoint-independent, seen as 198.5…                     ⣠⠞⠁     ⢀⠇⢸⠸⡀⠈⠢⡀  ⠈⠳⣄
      Members      about 8                                                ⢀⡔⠁       ⡜ ⢸ ⢣  ⠈⠢⡀  ⠈⢢⡀
      Predecessor  hana                                                   ⡜        ⢰⠁ ⢸ ⠈⡆   ⠈⠢⡀  ⢣
      Successors   ben, carl                                             ⢰⠁       ⢀⠇  ⢸  ⠸⡀    ⠈⠢⡀⠈⡆
      Long links   dora                                                  ⢸        ⡸   ⢸   ⢇      ⠈⠢○  carl
      On demand    finn                                                  ⢸       ⢠⠃   ⢸   ⠘⡄       ⡏
                                                                         ⠸⡀      ⡎    ⢸    ⢱      ⢀⠇
                                                                          ·     ⡸     ⢸     ⢇     ⡜
                                                                          ⠈⠣⡀  ⢠⠃     ⢸     ⠘⡄  ⢀⠜⠁
                                                                            ⠙⢦⡀⡎      ⢸      ⢱⢀⡴⠋
                                                                        finn  ◇⠣⣄⡀    ⢸    ⢀⣠⠜◆  dora
                                                                                 ⠈⠉⠒⠒⠒■⠒⠒⠒⠉⠁  emil
                                                        ● this node  ○ near  ■ static  ◆ long  ◇ demand  · other
                                                        direct

      NAME            ADDRESS          STATE        PATH                          RTT       IN           OUT
      ben             10.144.0.2       connected    direct 198.51.100.9:4242      3.21 ms   0 bit/s      0 bit/s
      carl            10.144.0.2       connected    direct 198.51.100.9:4242      3.21 ms   0 bit/s      0 bit/s
      dora            10.144.0.2       connected    direct 198.51.100.9:4242      3.21 ms   0 bit/s      0 bit/s
      emil            10.144.0.2       connected    direct 198.51.100.9:4242      3.21 ms   0 bit/s      0 bit/s
      finn            10.144.0.2       connected    direct 198.51.100.9:4242      3.21 ms   0 bit/s      0 bit/s
      gus             10.144.0.2       connected    direct 198.51.100.9:4242      3.21 ms   0 bit/s      0 bit/s
      hana            10.144.0.2       connected    direct 198.51.100.9:4242      3.21 ms   0 bit/s      0 bit/s
      ida             10.144.0.2       unreachable  direct 198.51.100.9:4242      3.21 ms   0 bit/s      0 bit/s"
    `);
  });

  it('lists the links where it is narrow', () => {
    const text = view({ columns: 80, rows: 24 });
    expect(text).not.toMatch(/[\u2800-\u28ff]/);
    expect(text).toContain('Successors   ben, carl');
    expect(text).toContain('Predecessor  hana');
    expect(text).toContain('gus');
  });

  it('gives the whole window to the ring when asked', () => {
    const text = view({ columns: 80, rows: 24 }, 'ring');
    expect(text).toMatch(/[\u2800-\u28ff]/);
    expect(text).toContain('● this node  ○ near  ■ static  ◆ long  ◇ demand  · other');
    expect(text).not.toContain('ADDRESS');
    expect(view({ columns: 30, rows: 10 }, 'ring')).toContain('no room to draw the ring');
    const alone = nextSnapshot(undefined, { ...status, ring: noLinks }, [], 1000);
    expect(view({ columns: 80, rows: 24 }, 'ring', alone)).toContain('no peers yet');
  });

  it('prints nothing but ASCII where there is nothing else', () => {
    const text = view({ columns: 120, rows: 40, ascii: true });
    expect(text).toContain('@ this node');
    expect(text).not.toMatch(/[\u2800-\u28ff●○◆◇■·]/);
  });

  it.each([
    [80, 24],
    [104, 24],
    [120, 40],
    [200, 60],
    [200, 12],
    [60, 80],
  ])('leaves room for two more lines on %d x %d', (columns, rows) => {
    const many = nextSnapshot(
      undefined,
      { ...status, ring },
      [...peers, ...Array.from({ length: 90 }, (_, i) => member(`n${i}`, i / 97 + 0.001, null))],
      1000,
    );
    for (const page of ['peers', 'ring'] as const) {
      const lines = view({ columns, rows }, page, many).split('\n');
      expect(lines.length).toBeLessThanOrEqual(Math.max(rows - 2, 14));
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    }
  });
});

describe('LiveStatus', () => {
  let home: TestHome;
  let server: ControlServer | undefined;
  afterEach(async () => {
    await server?.stop();
    home.remove();
  });

  it('turns from peers to the ring and back by r', async () => {
    home = new TestHome();
    server = await fakeNode(home, {
      status: () => ({ ...status, ring }),
      peers: () => ({ self, peers, revoked: [] }),
    });
    const path = join(home.path, 'control.sock');
    const source = { path, network: undefined, intervalMs: 10, worded: String };
    const { stdin, lastFrame, unmount } = render(<LiveStatus {...source} />);
    const until = async (text: string): Promise<void> => {
      const end = Date.now() + 5000;
      while (!(lastFrame() ?? '').includes(text)) {
        if (Date.now() > end) throw new Error(`never said ${text}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await until('r shows the ring');
    await until('ADDRESS');
    stdin.write('r');
    await until('r shows the peers');
    stdin.write('r');
    await until('r shows the ring');
    unmount();
  });
});

describe('printsUnicode', () => {
  it.each([
    [{}, true],
    [{ LANG: 'de_DE.UTF-8' }, true],
    [{ LANG: 'C.utf8' }, true],
    [{ LANG: 'C' }, false],
    [{ LANG: 'de_DE.UTF-8', LC_ALL: 'POSIX' }, false],
    [{ LANG: 'de_DE.UTF-8', TERM: 'linux' }, false],
    [{ TERM: 'xterm-256color', LANG: '' }, true],
  ])('%j: %s', (env, yes) => {
    expect(printsUnicode(env)).toBe(yes);
  });
});
