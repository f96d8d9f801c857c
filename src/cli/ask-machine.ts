/**
 * Does the machine of a member answer, and not its node alone? Nodes reach each other outside; a firewall that drops what comes by
 * evio's interface lets them, and programs wait in vain.
 */
import { connect } from 'node:net';
import type { Home } from '../core/config/home.js';
import { ask } from '../core/control/client.js';

/** `discard`, where next to nobody listens, so that nothing is written into a log; then ssh, which most firewalls let in. */
const ports = [9, 22] as const;
const patienceMs = 1_000;
const pingMs = 2_000;

/** `silent`: not even a refusal came. null: its node does not answer either, or there is no interface here by which to ask. */
export type MachineAnswer = 'answers' | 'silent' | null;

/** @param from the address of this machine in the network */
export async function askMachine(to: string, from: string): Promise<MachineAnswer> {
  let answer: MachineAnswer = null;
  for (const port of ports) {
    answer = await askPort(to, port, from);
    if (answer !== 'silent') return answer;
  }
  return answer;
}

function askPort(host: string, port: number, localAddress: string): Promise<MachineAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress, timeout: patienceMs });
    const done = (answer: MachineAnswer): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => {
      done('answers');
    });
    socket.once('timeout', () => {
      done('silent');
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNREFUSED' || code === 'ECONNRESET') done('answers');
      // A firewall that refuses by ICMP.
      else done(code === 'EADDRNOTAVAIL' ? null : 'silent');
    });
  });
}

/** The machine of a member of a network that runs here. @param peer node id */
export async function askMachineOf(
  home: Home,
  network: string | undefined,
  peer: string,
): Promise<MachineAnswer> {
  const [{ node }, { peers }] = await Promise.all([
    ask(home.controlSocket, 'status', { network }),
    ask(home.controlSocket, 'peers', { network }),
  ]);
  const member = peers.find(({ id, addressOf }) => id === peer && addressOf === null);
  const answer = member ? await askMachine(member.ip, node.ip) : null;
  if (answer !== 'silent') return answer;
  // Who sleeps, or has just gone, has no firewall to blame.
  const { received } = await ask(home.controlSocket, 'ping', { network, peer, count: 1, timeoutMs: pingMs });
  return received > 0 ? 'silent' : null;
}

export function silentMachineAdvice(name: string): string {
  return `The node of ${name} answers, and its machine does not: TCP ports ${ports.join(' and ')} are silent. A firewall there drops what comes by evio's interface, or the policy of the network does (evio policy show). There, with firewalld: firewall-cmd --zone=trusted --add-interface=evio0; with ufw: ufw allow in on evio0`;
}
