/** `evio demo` as plain text. */
import { formatMs, table } from '../format.js';
import type { DemoEvent, DemoResult } from '../demo-types.js';

/** A line for an event worth telling, or undefined. */
export function demoLine(event: DemoEvent): string | undefined {
  switch (event.type) {
    case 'phase':
      return event.phase === 'done' ? undefined : `${event.text} …`;
    case 'node':
      if (event.state === 'up')
        return `  ${event.name} (${event.nat}) is up${event.ip === null ? '' : ` as ${event.ip}`}`;
      return undefined;
    case 'pair':
      if (event.state === 'unreachable') return `  ${event.pair.from} does not reach ${event.pair.to}`;
      return event.state === 'measured' ? `  pair ${event.index + 1} of ${event.total}` : undefined;
    case 'kept':
      return `Look at it with:\n${event.commands.map((command) => `  ${command}`).join('\n')}\nEnd it with Ctrl-C.`;
    case 'line':
    case 'result':
      return undefined;
  }
}

export function demoText({ nodes, pairs, ok }: DemoResult): string {
  return [
    table(
      ['NODE', 'BEHIND', 'ADDRESS', 'JOINED IN'],
      nodes.map(({ name, nat, ip, joinMs }) => [name, nat, ip, formatMs(joinMs)]),
    ),
    table(
      ['FROM', 'TO', 'PATH', 'PING', 'TCP'],
      pairs.map(({ from, to, path, pingMs, mbps }) => [
        from,
        to,
        path ?? '-',
        formatMs(pingMs),
        mbps === null ? '-' : `${mbps.toFixed(0)} Mbit/s`,
      ]),
    ),
    ok ? 'Every pair is connected.\n' : 'Some pairs are not connected.\n',
  ].join('\n');
}
