/** `evio demo` at a terminal: what stands, and what came out so far. */
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import { demoModel, emptyDemo, type DemoModel } from './demo-model.js';
import type { DemoEvent } from './demo-types.js';
import { formatMs } from './format.js';
import { draw } from './terminal.js';

const stateColour: Readonly<Record<string, string>> = {
  site: 'gray',
  starting: 'yellow',
  up: 'cyan',
  reached: 'green',
};

function Cell({
  width,
  children,
  colour,
}: {
  width: number;
  children: ReactNode;
  colour?: string | undefined;
}): ReactNode {
  return (
    <Box width={width} flexShrink={0}>
      <Text wrap="truncate-end" {...(colour === undefined ? {} : { color: colour })}>
        {children}
      </Text>
    </Box>
  );
}

export function DemoView({ model }: { model: DemoModel }): ReactNode {
  const { phase, nodes, pairs, total, commands, done } = model;
  return (
    <Box flexDirection="column">
      <Text color={done ? 'green' : 'cyan'}>
        {phase}
        {done ? '' : ' …'}
      </Text>
      {nodes.map(({ name, nat, state, ip, ms }) => (
        <Box key={name} columnGap={1} marginLeft={2}>
          <Cell width={10}>{name}</Cell>
          <Cell width={28}>{nat}</Cell>
          <Cell width={9} colour={stateColour[state]}>
            {state}
          </Cell>
          <Cell width={15}>{ip ?? ''}</Cell>
          <Cell width={10}>{ms === null ? '' : formatMs(ms)}</Cell>
        </Box>
      ))}
      {total > 0 && (
        <Text dimColor>
          {pairs.length} of {total} pairs
        </Text>
      )}
      {pairs.map(
        (pair) =>
          pair && (
            <Box key={`${pair.from} ${pair.to}`} columnGap={1} marginLeft={2}>
              <Cell width={22}>{`${pair.from} - ${pair.to}`}</Cell>
              <Cell width={8} colour={pair.path === 'direct' ? 'green' : 'yellow'}>
                {pair.path ?? '-'}
              </Cell>
              <Cell width={10}>{formatMs(pair.pingMs)}</Cell>
              <Cell width={12}>{pair.mbps === null ? '' : `${pair.mbps.toFixed(0)} Mbit/s`}</Cell>
            </Box>
          ),
      )}
      {commands.map((command) => (
        <Text key={command}>{command}</Text>
      ))}
    </Box>
  );
}

/** Draws the demo until `close`; the last picture stays on the screen. */
export function drawDemo(): { show(event: DemoEvent): void; close(): void } {
  let model = emptyDemo;
  const app = draw(<DemoView model={model} />, { exitOnCtrlC: false });
  return {
    show(event) {
      const next = demoModel(model, event);
      if (next === model) return;
      model = next;
      app.rerender(<DemoView model={model} />);
    },
    close() {
      app.unmount();
    },
  };
}
