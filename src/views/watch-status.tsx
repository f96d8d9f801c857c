/** `evio status --watch` at a terminal, until Ctrl-C or q; r shows the ring in place of the peers. */
import { Box, Text, useApp, useInput, useStdout } from 'ink';
import { useState, type ReactNode } from 'react';
import { draw, printsUnicode } from './terminal.js';
import { StatusView, type Page } from './status-view.js';
import { useStatus, type StatusSource } from './use-status.js';

/** Height assumed where a terminal says it has none. */
const defaultRows = 24;
const defaultColumns = 80;

export function LiveStatus(source: StatusSource): ReactNode {
  const { snapshot, error } = useStatus(source);
  const { exit } = useApp();
  const { stdout } = useStdout();
  const [page, setPage] = useState<Page>('peers');
  useInput((input) => {
    if (input === 'q') exit();
    if (input === 'r') setPage((now) => (now === 'ring' ? 'peers' : 'ring'));
  });
  const screen = {
    columns: stdout.columns || defaultColumns,
    rows: stdout.rows || defaultRows,
    ascii: !printsUnicode(process.env),
  };
  return (
    <Box flexDirection="column">
      <StatusView snapshot={snapshot} error={error} screen={screen} page={page} />
      <Text dimColor>r shows the {page === 'ring' ? 'peers' : 'ring'}, q ends</Text>
    </Box>
  );
}

/** Resolves when the person at the terminal has seen enough. */
export async function watchStatus(source: StatusSource): Promise<void> {
  await draw(<LiveStatus {...source} />).waitUntilExit();
}
