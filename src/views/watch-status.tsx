/** `evio status --watch` at a terminal, until Ctrl-C or q. */
import { Box, Text, useApp, useInput, useStdout } from 'ink';
import type { ReactNode } from 'react';
import { draw } from './terminal.js';
import { StatusView } from './status-view.js';
import { useStatus, type StatusSource } from './use-status.js';

/** Height assumed where a terminal says it has none. */
const defaultRows = 24;
/** Lines of the view that are neither relays nor peers. */
const linesAround = 10;

function LiveStatus(source: StatusSource): ReactNode {
  const { snapshot, error } = useStatus(source);
  const { exit } = useApp();
  const { stdout } = useStdout();
  const relays = snapshot?.status.relays.length ?? 0;
  useInput((input) => {
    if (input === 'q') exit();
  });
  return (
    <Box flexDirection="column">
      <StatusView
        snapshot={snapshot}
        error={error}
        rows={Math.max(1, (stdout.rows || defaultRows) - linesAround - relays)}
      />
      <Text dimColor>q ends</Text>
    </Box>
  );
}

/** Resolves when the person at the terminal has seen enough. */
export async function watchStatus(source: StatusSource): Promise<void> {
  await draw(<LiveStatus {...source} />).waitUntilExit();
}
