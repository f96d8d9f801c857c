/**
 * Does anybody in the network use an address already? The kernel is made to ask for it, as RFC 5227 has hosts do, and its table
 * of neighbours tells whether somebody answered.
 */
import { createSocket } from 'node:dgram';
import type { Network } from '../programs.js';

/** Time for an answer, ms: members are answered for by this node itself, pods and bridged machines answer over the network. */
const waitMs = 100;
const discardPort = 9;

/** True when somebody answered. `device` is evio's interface. */
export async function isUsed(host: Network, ip: string, device: string): Promise<boolean> {
  host.run(['sh', '-c', `ip neigh del ${ip} dev ${device} 2>/dev/null || true`]);
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    socket.send(Buffer.alloc(0), discardPort, ip, () => {
      resolve();
    });
  });
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  socket.close();
  const printed = host.run(['ip', '-json', 'neigh', 'show', 'to', ip, 'dev', device]).trim();
  const found = printed === '' ? [] : (JSON.parse(printed) as { lladdr?: string; state: string[] }[]);
  return found.some(({ lladdr, state }) => lladdr !== undefined && !state.includes('FAILED'));
}
