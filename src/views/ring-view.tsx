/** The ring around a node: the shape of a mark tells the link, its colour the path. Formats what it is given. */
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import { pathColour } from './colours.js';
import type { PlacedMark, Reached, RingPicture } from './ring-picture.js';

const reachedBy: readonly Reached[] = ['direct', 'webrtc', 'relay', 'overlay', 'none'];
const colourOf: Readonly<Record<Reached, string>> = { ...pathColour, self: 'cyan', none: 'red' };
/** Lines of the legend: marks, and colours. */
export const legendLines = 2;

/** A line with its marks in colour, and braille or full stops dim. */
function Line({
  text,
  marks,
  stale,
}: {
  text: string;
  marks: readonly PlacedMark[];
  stale: boolean;
}): ReactNode {
  const parts: ReactNode[] = [];
  let from = 0;
  const until = (end: number): void => {
    if (end > from) parts.push(<Plain key={from} text={text.slice(from, end)} stale={stale} />);
  };
  for (const { column, reached } of marks) {
    until(column);
    parts.push(
      <Text key={`mark ${column}`} {...(stale ? { dimColor: true } : { color: colourOf[reached] })}>
        {text.slice(column, column + 1)}
      </Text>,
    );
    from = column + 1;
  }
  until(text.length);
  return <Text>{parts.length === 0 ? ' ' : parts}</Text>;
}

const drawn = /([\u2800-\u28ff.]+)/;

function Plain({ text, stale }: { text: string; stale: boolean }): ReactNode {
  return text.split(drawn).map((part, i) => (
    <Text key={i} dimColor={stale || drawn.test(part)}>
      {part}
    </Text>
  ));
}

export function RingView({ picture, stale = false }: { picture: RingPicture; stale?: boolean }): ReactNode {
  const present = new Set(picture.placed.flat().map(({ reached }) => reached));
  return (
    <Box flexDirection="column">
      {picture.lines.map((line, i) => (
        <Line key={i} text={line} marks={picture.placed[i] ?? []} stale={stale} />
      ))}
      <Text dimColor wrap="truncate-end">
        {picture.legend.map(({ mark, text }) => `${mark} ${text}`).join('  ')}
      </Text>
      <Text wrap="truncate-end">
        {reachedBy
          .filter((reached) => present.has(reached))
          .map((reached, i) => (
            <Text key={reached} {...(stale ? { dimColor: true } : { color: colourOf[reached] })}>
              {i > 0 ? '  ' : ''}
              {reached === 'none' ? 'not reached' : reached}
            </Text>
          ))}
      </Text>
    </Box>
  );
}
