/** Whether the STUN and TURN servers that the networks of this machine name answer by UDP, which is how calls speak to them, and give addresses. */
import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import type { Endpoint } from '../lib/endpoint.js';
import { systemRandom } from '../lib/env.js';
import { describeIceServer, type IceServer } from '../membership/ice-server.js';
import { pass, warn, type Check } from './check.js';
import { StunProbe } from './stun-probe.js';
import { askTurn, type TurnFinding } from './turn-probe.js';

/** Each is asked once, whoever names it: a STUN server for the own address, a TURN server for one of its own. */
export function checkIceServers(servers: readonly IceServer[]): Promise<Check[]> {
  const distinct = new Map(servers.map((server) => [describeIceServer(server), server]));
  return Promise.all([...distinct].map(([name, server]) => checkIceServer(name, server)));
}

async function checkIceServer(name: string, server: IceServer): Promise<Check> {
  const { host, port } = server;
  const id = `ice:${name}`;
  const addresses = await lookup(host, { all: true }).catch(() => []);
  if (addresses.length === 0)
    return warn(id, `the name ${host} is not found.`, 'Check the DNS of this machine and the name.');
  for (const { address } of addresses) {
    const at = { host: address, port };
    const answer = await (server.scheme === 'turn' ? askTurn(at, server, systemRandom) : askStun(at));
    if (answer) return answered(id, answer);
  }
  return warn(
    id,
    'no answer by UDP: no call goes by it.',
    `Let UDP to port ${port} through the firewalls between, and the server listen there by UDP. TCP and TLS are not spoken to it: where UDP is blocked, the relay is the way.`,
  );
}

async function askStun(server: Endpoint): Promise<TurnFinding | undefined> {
  const probe = await StunProbe.open(isIPv6(server.host) ? 6 : 4, systemRandom).catch(() => undefined);
  const answer = await probe?.ask(server);
  probe?.close();
  return answer && { code: 0, rttMs: answer.rttMs };
}

function answered(id: string, { code, rttMs }: TurnFinding): Check {
  const inMs = `answers by UDP in ${rttMs.toFixed(1)} ms`;
  if (code === 0) return pass(id, inMs);
  // RFC 8489 section 14.8, RFC 8656 section 19.
  if (code === 401 || code === 403 || code === 441)
    return warn(
      id,
      `${inMs}, and refuses user or password (${code}): no call goes by it.`,
      'Name it with the right ones: sudo evio set --ice-server turn:USER:PASSWORD@HOST:PORT',
    );
  return warn(
    id,
    `${inMs}, and gives no address (${code}): no call goes by it now.`,
    'See its log; 486 and 508 say that it has given out all that it may.',
  );
}
