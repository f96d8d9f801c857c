/**
 * Address translation for members whose way out is this machine, by nftables: a table of the network's own, which is made and
 * removed whole. What is the machine's link only, its metadata service above all, is kept from them.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from '../lib/errors.js';

const run = promisify(execFile);
const timeoutMs = 10_000;

/** The rules, as nft reads them. Pure. @param ranges of the network, IPv4 and IPv6 */
export function exitRules(networkId: string, device: string, [v4, v6]: readonly [string, string]): string {
  const table = `table inet ${tableOf(networkId)}`;
  return [
    // Made when it is not there, so that it can be replaced in one step.
    `add ${table}`,
    `delete ${table}`,
    `${table} {`,
    'chain out {',
    'type nat hook postrouting priority srcnat;',
    `ip saddr ${v4} oifname != "${device}" masquerade`,
    `ip6 saddr ${v6} oifname != "${device}" masquerade`,
    '}',
    'chain through {',
    'type filter hook forward priority filter;',
    `iifname "${device}" ip daddr 169.254.0.0/16 drop`,
    '}',
    '}',
    '',
  ].join('\n');
}

function tableOf(networkId: string): string {
  return `evio-exit-${networkId.slice(0, 8)}`;
}

async function nft(script: string): Promise<void> {
  const done = run('nft', ['-f', '-'], { timeout: timeoutMs, encoding: 'utf8' });
  done.child.stdin?.on('error', () => undefined);
  done.child.stdin?.end(script);
  await done;
}

/** Null, or why it could not be done. */
export async function setNat(
  networkId: string,
  device: string,
  ranges: readonly [string, string],
): Promise<string | null> {
  try {
    await nft(exitRules(networkId, device, ranges));
    return null;
  } catch (thrown) {
    const missing = (thrown as NodeJS.ErrnoException).code === 'ENOENT';
    return missing
      ? 'The program nft is missing: install nftables.'
      : `nft refuses the rules: ${messageOf(thrown).split('\n')[1] ?? messageOf(thrown)}`;
  }
}

/** Harmless where there is none. */
export async function clearNat(networkId: string): Promise<void> {
  const table = `table inet ${tableOf(networkId)}`;
  await nft(`add ${table}\ndelete ${table}\n`).catch(() => undefined);
}
