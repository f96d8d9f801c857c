/** Whether the STUN and TURN servers that the networks of this machine name answer by UDP, which is how calls speak to them. */
import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import { systemRandom } from '../lib/env.js';
import { describeIceServer, type IceServer } from '../membership/ice-server.js';
import { pass, warn, type Check } from './check.js';
import { StunProbe } from './stun-probe.js';

/** Each is asked once, whoever names it. Its password is not said: who asks for the own address needs none (RFC 8489). */
export function checkIceServers(servers: readonly IceServer[]): Promise<Check[]> {
  const distinct = new Map(servers.map((server) => [describeIceServer(server), server]));
  return Promise.all([...distinct].map(([name, server]) => checkIceServer(name, server)));
}

async function checkIceServer(name: string, { host, port }: IceServer): Promise<Check> {
  const id = `ice:${name}`;
  const addresses = await lookup(host, { all: true }).catch(() => []);
  if (addresses.length === 0)
    return warn(id, `the name ${host} is not found.`, 'Check the DNS of this machine and the name.');
  for (const { address } of addresses) {
    const probe = await StunProbe.open(isIPv6(address) ? 6 : 4, systemRandom).catch(() => undefined);
    const answer = await probe?.ask({ host: address, port });
    probe?.close();
    if (answer) return pass(id, `answers by UDP in ${answer.rttMs.toFixed(1)} ms`);
  }
  return warn(
    id,
    'no answer by UDP: no call goes by it.',
    `Let UDP to port ${port} through the firewalls between, and the server listen there by UDP. TCP and TLS are not spoken to it: where UDP is blocked, the relay is the way.`,
  );
}
