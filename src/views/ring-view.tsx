/** The ring around a node, in colour. Formats what it is given. */
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import { marks, roles, type RingPicture, type RingRole } from './ring-picture.js';

const colours: Partial<Record<RingRole, string>> = {
  self: 'cyan',
  neighbour: 'green',
  static: 'blue',
  long: 'yellow',
  'on-demand': 'magenta',
};
const roleOf = new Map(roles.map((role) => [marks[role], role]));
/** Marks, runs of braille, and what is between them. */
const parts = new RegExp(`([${roles.map((role) => marks[role]).join('')}]|[\\u2800-\\u28ff]+)`);

function Part({ text }: { text: string }): ReactNode {
  const role = roleOf.get(text);
  const colour = role && colours[role];
  if (colour !== undefined) return <Text color={colour}>{text}</Text>;
  return <Text dimColor={parts.test(text)}>{text}</Text>;
}

export function RingView({ picture }: { picture: RingPicture }): ReactNode {
  return (
    <Box flexDirection="column">
      {picture.lines.map((line, i) => (
        <Text key={i}>
          {line === '' ? ' ' : line.split(parts).map((text, j) => <Part key={j} text={text} />)}
        </Text>
      ))}
      <Text dimColor wrap="truncate-end">
        {picture.legend.map(({ mark, text }) => `${mark} ${text}`).join('  ')}
      </Text>
    </Box>
  );
}
