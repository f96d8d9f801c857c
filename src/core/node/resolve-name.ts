/** Names of servers, asked of the machine's resolver. */
import { lookup } from 'node:dns/promises';

/** Its addresses; none where there are none, or nobody answers. */
export async function resolveName(name: string): Promise<readonly string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}
