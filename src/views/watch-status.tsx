/** `evio status --watch` at a terminal, until Ctrl-C or q. */
import { Box, render, Text, useApp, useInput } from 'ink';
import type { ReactNode } from 'react';
import { StatusView } from './status-view.js';
import { useStatus, type StatusSource } from './use-status.js';

function LiveStatus(source: StatusSource): ReactNode {
  const { snapshot, error } = useStatus(source);
  const { exit } = useApp();
  useInput((input) => {
    if (input === 'q') exit();
  });
  return (
    <Box flexDirection="column">
      <StatusView snapshot={snapshot} error={error} />
      <Text dimColor>q ends</Text>
    </Box>
  );
}

/** Resolves when the person at the terminal has seen enough. */
export async function watchStatus(source: StatusSource): Promise<void> {
  await render(<LiveStatus {...source} />).waitUntilExit();
}
