/** How a relay is reached: name, TCP, clock, key, UDP. */
import { silentLogger, systemClock, systemRandom } from '../lib/env.js';
import { formatAge } from '../lib/age.js';
import { messageOf } from '../lib/errors.js';
import { provesKey } from '../relays/net/register.js';
import { NoRelay, relayFault } from '../relays/net/relay-fault.js';
import { askHealth } from '../relays/net/relay-health.js';
import { systemNames } from '../relays/net/relay-names.js';
import { formatRelayAddress, parseRelayUrl, type RelayAddress } from '../relays/net/relay-url.js';
import { fail, pass, warn, type Check } from './check.js';

const timeoutMs = 5000;
const clockWarnMs = 60_000;
const clockFailMs = 10 * 60_000;

/** A relay to look at; the key is undefined when nobody told it. */
export interface RelayTarget {
  readonly address: RelayAddress;
  readonly key: Uint8Array | undefined;
}

export interface Health {
  readonly udpPort: number;
  readonly alternatePort: number | null;
  /** The relay's date by its HTTP header, to the second; undefined when it sends none. */
  readonly dateMs: number | undefined;
  readonly rttMs: number;
  /** Of TLS: why its certificate is none that this machine takes; undefined: it does. Who knows the relay's key needs none. */
  readonly distrust?: string | undefined;
}

export interface RelayFinding {
  /** `HOST:PORT` */
  readonly name: string;
  readonly host: string;
  readonly addresses: readonly string[];
  readonly health: Health | undefined;
  /** Something answers there that is no relay: a portal, a proxy, another program. */
  readonly foreign?: boolean;
  readonly checks: readonly Check[];
}

export function relayTarget(text: string): RelayTarget {
  const { key, ...address } = parseRelayUrl(text);
  return { address, key };
}

/** Looks at one relay. `nowMs` is this machine's date. */
export async function probeRelay({ address, key }: RelayTarget, nowMs: () => number): Promise<RelayFinding> {
  const { host } = address;
  const name = `${host}:${address.port}`;
  const id = (what: string): string => `${what}:${name}`;
  let addresses: string[];
  try {
    addresses = (await systemNames.addresses(address.host)).map((entry) => entry.address);
  } catch (thrown) {
    const { what, mend } = relayFault(thrown);
    const check = fail(id('dns'), `${address.host}: ${what}.`, mend);
    return { name, host, addresses: [], health: undefined, checks: [check] };
  }
  const checks = [pass(id('dns'), addresses.join(', '))];
  let health: Health | undefined;
  try {
    health = await getHealth(address);
  } catch (thrown) {
    const { what, mend } = relayFault(thrown);
    checks.push(fail(id('relay'), `not reached by TCP: ${what}.`, mend));
    return { name, host, addresses, health, foreign: thrown instanceof NoRelay, checks };
  }
  const answers = `answers by ${address.tls ? 'TLS' : 'TCP'} in ${health.rttMs.toFixed(0)} ms`;
  checks.push(
    health.distrust === undefined || key !== undefined
      ? pass(id('relay'), answers)
      : fail(
          id('relay'),
          `${answers}, with a certificate that this machine does not take (${health.distrust}).`,
          'With its key that does not matter, as it does not to nodes: name it as it printed itself, evios://HOST:PORT#KEY.',
        ),
  );
  if (key !== undefined) {
    checks.push(await keyCheck(id('key'), address, key));
  }
  if (health.dateMs !== undefined) checks.push(clockCheck(id('clock'), nowMs() - health.dateMs));
  return { name, host, addresses, health, checks };
}

/** A closed relay tells its key to nobody, so it must prove that it has it. */
async function keyCheck(id: string, address: RelayAddress, key: Uint8Array): Promise<Check> {
  const env = { clock: systemClock, random: systemRandom, log: silentLogger };
  try {
    if (await provesKey({ address: formatRelayAddress(address), key }, env, timeoutMs))
      return pass(id, 'the relay has the key that the network names');
  } catch (thrown) {
    return fail(
      id,
      `the relay cannot be asked for its key: ${messageOf(thrown)}`,
      'Let WebSockets through the proxy before the relay.',
    );
  }
  return fail(
    id,
    'the relay has another key than the network names: nodes will not talk to it.',
    'Give the relay its old state folder back. Or have an admin of the network name its new key: evio network relay add URL, as the relay prints it.',
  );
}

/** Judges how far our clock is ahead of the relay's. Its header has whole seconds. */
export function clockCheck(id: string, aheadMs: number): Check {
  const off = Math.abs(aheadMs);
  const text = `this clock is ${formatAge(off)} ${aheadMs > 0 ? 'ahead of' : 'behind'} the relay's`;
  const fix = 'Set the clocks by NTP: timedatectl set-ntp true';
  // A node proves that it is behind by its relays, and goes by their date.
  const harm =
    aheadMs > 0
      ? 'tokens are taken for expired, and certificates may be'
      : 'evio goes by the date of its relays, and other programs by this one';
  if (off > clockFailMs) return (aheadMs > 0 ? fail : warn)(id, `${text}: ${harm}.`, fix);
  if (off > clockWarnMs) return warn(id, `${text}.`, fix);
  return pass(id, off < 2000 ? "agrees with the relay's" : text);
}

/** Any certificate will do: the date of a relay shows why one is refused. */
async function getHealth(address: RelayAddress): Promise<Health> {
  const { body, date, rttMs, distrust } = await askHealth(address, { timeoutMs, anyCertificate: true });
  const health = parseHealth(body, date, rttMs);
  if (!health) throw new NoRelay();
  return { ...health, distrust };
}

/** Reads the body of /healthz, or undefined when it is none. */
export function parseHealth(body: string, date: string | undefined, rttMs: number): Health | undefined {
  let content: { status?: unknown; udpPort?: unknown; alternatePort?: unknown } | null;
  try {
    content = JSON.parse(body) as typeof content;
  } catch {
    return undefined;
  }
  const isPort = (value: unknown): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;
  if (content?.status !== 'ok' || !isPort(content.udpPort)) return undefined;
  const dateMs = date === undefined ? NaN : Date.parse(date);
  return {
    udpPort: content.udpPort,
    alternatePort: isPort(content.alternatePort) ? content.alternatePort : null,
    dateMs: Number.isNaN(dateMs) ? undefined : dateMs,
    rttMs,
  };
}
