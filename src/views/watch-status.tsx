/** `evio status --watch` at a terminal, until Ctrl-C or q: the peers, the ring by r, one peer by arrow keys and Enter. */
import { Box, Text, useApp, useInput, useStdout } from 'ink';
import { useRef, useState, type ReactNode } from 'react';
import { draw, printsUnicode } from './terminal.js';
import { StatusView, type Page } from './status-view.js';
import { useStatus, type StatusSource } from './use-status.js';
import { useWhy } from './use-why.js';
import { placeAmong, walk, type Place } from './walk.js';

/** Height assumed where a terminal says it has none. */
const defaultRows = 24;
const defaultColumns = 80;

const keysOf: Readonly<Record<Page, string>> = {
  peers: 'r shows the ring, arrows and Enter a peer, q ends',
  ring: 'r shows the peers, q ends',
  peer: 'Up and Down show others, Left goes back, q ends',
};

export function LiveStatus(source: StatusSource): ReactNode {
  const { snapshot, error, staleMs } = useStatus(source);
  const { exit } = useApp();
  const { stdout } = useStdout();
  const [wanted, setPlace] = useState<Place>({ page: 'peers', peer: undefined });
  const peers = snapshot?.peers ?? [];
  // A key may come between a picture and the moment when Ink knows its handler: it goes by what is there now.
  const latest = useRef(peers);
  latest.current = peers;
  const { page, peer } = placeAmong(wanted, peers);
  const why = useWhy(source, page === 'peer' ? peer : undefined);
  useInput((input, key) => {
    if (input === 'q') exit();
    else setPlace((place) => walk(place, latest.current, input, key));
  });
  const screen = {
    columns: stdout.columns || defaultColumns,
    rows: stdout.rows || defaultRows,
    ascii: !printsUnicode(process.env),
  };
  return (
    <Box flexDirection="column">
      <StatusView
        snapshot={snapshot}
        error={error}
        staleMs={staleMs}
        screen={screen}
        page={page}
        chosen={peer}
        why={why}
      />
      <Text dimColor wrap="truncate-end">
        {keysOf[page]}
      </Text>
    </Box>
  );
}

/** Resolves when the person at the terminal has seen enough. */
export async function watchStatus(source: StatusSource): Promise<void> {
  await draw(<LiveStatus {...source} />).waitUntilExit();
}
