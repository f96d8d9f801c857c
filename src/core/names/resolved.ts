/**
 * systemd-resolved, told by `resolvectl` which names and addresses are asked for at our responder. What it is told belongs to the
 * interface and goes with it, so nothing stays behind whatever becomes of us.
 */
import { execFile } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';

const program = 'resolvectl';
const timeoutMs = 5_000;
/** Where resolved keeps what it serves: it is there while resolved runs. */
const runFolder = '/run/systemd/resolve';
const stub = /^nameserver\s+127\.0\.0\.5[34]\s*$/m;

/** True where this machine's programs ask resolved: by resolv.conf, or by the module of nsswitch.conf(5). */
export function asksResolved(): boolean {
  const text = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };
  if (text(`${runFolder}/resolv.conf`) === '') return false;
  try {
    if (realpathSync('/etc/resolv.conf').startsWith(`${runFolder}/`)) return true;
  } catch {
    // There is none.
  }
  return stub.test(text('/etc/resolv.conf')) || /^hosts:.*\bresolve\b/m.test(text('/etc/nsswitch.conf'));
}

/**
 * Has names in these domains, and no others, asked for at the server by way of the interface.
 *
 * @param server `ADDRESS` or `ADDRESS:PORT`
 * @throws Error with what resolvectl said
 */
export async function tellResolved(
  device: string,
  server: string,
  domains: readonly string[],
): Promise<void> {
  // No root signs our zone, and nothing else on the interface answers names.
  const settings = [
    ['default-route', device, 'no'],
    ['llmnr', device, 'no'],
    ['mdns', device, 'no'],
    ['dnssec', device, 'no'],
    ['dnsovertls', device, 'no'],
    ['domain', device, ...domains.map((domain) => `~${domain}`)],
    ['dns', device, server],
  ];
  for (const words of settings) await resolvectl(words);
}

/** Takes it back. */
export async function untellResolved(device: string): Promise<void> {
  await resolvectl(['revert', device]);
}

function resolvectl(words: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, words, { timeout: timeoutMs }, (error, _stdout, stderr) => {
      if (error) reject(new Error(stderr.trim() || error.message));
      else resolve();
    });
  });
}
