/**
 * The block of a node in a hosts file (hosts(5)): pure.
 *
 *   # evio begin 7f3a… 4242: names of home.evio; gone when it stops          node id, process id
 *   10.144.9.167  web.home.evio
 *   # evio end 7f3a…
 *
 * It stands at the end, and a file without a block is what it was before to the last byte: where its last line had no end,
 * the block brings one, and says so (`joined`).
 */

export const hostsPath = '/etc/hosts';

export interface HostsLine {
  readonly address: string;
  readonly name: string;
}

const begin = /^# evio begin ([0-9a-f]{32}) (\d+)( joined)?: .*$/;
const entry = /^[0-9a-f.:]+\t\S+\.evio$/;

/** @param owner node id in hexadecimal @param pid process that takes the block out again */
export function withBlock(
  text: string,
  owner: string,
  domain: string,
  pid: number,
  lines: readonly HostsLine[],
): string {
  const rest = withoutBlocks(text, (id) => id === owner);
  const joined = rest !== '' && !rest.endsWith('\n');
  return [
    rest,
    joined ? '\n' : '',
    `# evio begin ${owner} ${pid}${joined ? ' joined' : ''}: names of ${domain}; gone when it stops\n`,
    ...lines.map(({ address, name }) => `${address}\t${name}\n`),
    `# evio end ${owner}\n`,
  ].join('');
}

/** The text without the blocks of which `goes` says so; one that was cut off goes as far as it is one. */
export function withoutBlocks(text: string, goes: (owner: string, pid: number) => boolean): string {
  const lines = text.split('\n');
  const kept: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const [, owner, pid, joined] = begin.exec(line) ?? [];
    if (owner === undefined || !goes(owner, Number(pid))) {
      kept.push(line);
      continue;
    }
    while (entry.test(lines[i + 1] ?? '')) i++;
    if (lines[i + 1] === `# evio end ${owner}`) i++;
    const next = begin.exec(lines[i + 1] ?? '');
    // The block behind brings the end of the line from now on.
    if (joined !== undefined && next) {
      lines[i + 1] = (lines[i + 1] as string).replace(/^(# evio begin \S+ \d+)( joined)?:/, '$1 joined:');
      continue;
    }
    // What ended without a newline does so again, unless somebody wrote behind the block since.
    if (joined !== undefined && i + 2 === lines.length && lines[i + 1] === '') i++;
  }
  return kept.join('\n');
}
