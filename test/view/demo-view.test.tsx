import { render } from 'ink-testing-library';
import { describe, expect, it } from 'vitest';
import { demoModel, emptyDemo } from '../../src/views/demo-model.js';
import type { DemoEvent, DemoPair } from '../../src/views/demo-types.js';
import { DemoView } from '../../src/views/demo-view.js';
import { demoLine, demoText } from '../../src/views/text/demo.js';

const pair: DemoPair = { from: 'n0', to: 'n1', path: null, pingMs: null, mbps: null };
const measured: DemoPair = { ...pair, path: 'direct', pingMs: 0.52, mbps: 1840 };
const events: readonly DemoEvent[] = [
  { type: 'phase', phase: 'lab', text: 'building a small internet with 2 sites' },
  { type: 'node', name: 'n0', nat: 'public', state: 'starting', ip: null, ms: null },
  { type: 'line', source: 'n0', line: 'noise' },
  { type: 'node', name: 'n0', nat: 'public', state: 'up', ip: '10.144.0.1', ms: null },
  { type: 'node', name: 'n1', nat: 'udp-blocked', state: 'site', ip: null, ms: null },
  { type: 'pair', index: 0, total: 1, state: 'reached', pair },
  { type: 'pair', index: 0, total: 1, state: 'measured', pair: measured },
];

describe('the demo', () => {
  it('is drawn from its events', () => {
    const model = events.reduce(demoModel, emptyDemo);
    expect(model.pairs).toEqual([measured]);
    const { lastFrame, unmount } = render(<DemoView model={model} />);
    // eslint-disable-next-line no-control-regex
    const text = (lastFrame() ?? '').replace(/\u001b\[[0-9;]*m/g, '');
    unmount();
    expect(text).toMatchInlineSnapshot(`
      "building a small internet with 2 sites …
        n0         public                       up        10.144.0.1
        n1         udp-blocked                  site
      1 of 1 pairs
        n0 - n1                direct   0.52 ms    1840 Mbit/s"
    `);
  });

  it('is told in lines where there is no terminal', () => {
    expect(events.map(demoLine).filter((line) => line !== undefined)).toEqual([
      'building a small internet with 2 sites …',
      '  n0 (public) is up as 10.144.0.1',
      '  pair 1 of 1',
    ]);
    expect(demoLine({ type: 'kept', commands: ['a', 'b'] })).toContain('  a\n  b\n');
  });

  it('is summed up', () => {
    const node = { id: 'x', namespace: 'ns', home: '/h', ip: '10.144.0.1' };
    const text = demoText({
      nodes: [{ ...node, name: 'n0', nat: 'public', joinMs: null }],
      pairs: [measured, pair],
      ok: false,
    });
    expect(text).toMatchInlineSnapshot(`
      "NODE  BEHIND  ADDRESS     JOINED IN
      n0    public  10.144.0.1  -

      FROM  TO  PATH    PING     TCP
      n0    n1  direct  0.52 ms  1840 Mbit/s
      n0    n1  -       -        -

      Some pairs are not connected.
      "
    `);
  });
});
