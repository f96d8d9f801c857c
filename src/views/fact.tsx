/** A named line of a live view. */
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';

export function Fact({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <Box>
      <Box width={13} flexShrink={0}>
        <Text dimColor>{name}</Text>
      </Box>
      <Text wrap="truncate-end">{children}</Text>
    </Box>
  );
}
