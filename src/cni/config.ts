/**
 * The network configuration that a runtime hands over on standard input (CNI specification, section 1), checked.
 *
 *   { "cniVersion": "1.1.0", "name": "pods", "type": "evio-cni",
 *     "network": "home", "device": "evio0", "bridge": "evio-pods", "masquerade": true,
 *     "ranges": [[{ "subnet": "10.244.1.0/24" }]]      or "ipam": { "type": "host-local", … } }
 */
import { parseCidr } from '../core/lib/ipv4.js';
import { Code, CniError } from './errors.js';
import { readResult, type Result } from './result.js';
import { checkVersion, type Version } from './version.js';

/** An attachment that the runtime still knows: what GC must leave alone. */
export interface Attachment {
  readonly containerId: string;
  readonly ifname: string;
}

export interface Config {
  readonly version: Version;
  readonly name: string;
  /** Name or id of the evio network; undefined: the only one of the home. */
  readonly network: string | undefined;
  /** Name of evio's interface; undefined: the running node is asked. */
  readonly device: string | undefined;
  /** Pods are routed, or neighbours in the network itself (flat/). */
  readonly mode: 'routed' | 'flat';
  /** Of mode `flat`: pods reach what is outside of the network by their node. */
  readonly gateway: boolean;
  readonly bridge: string;
  /** Pods reach what is neither pod nor member with the address of the node. */
  readonly masquerade: boolean;
  /** Pods send as themselves only. */
  readonly guard: boolean;
  /**
   * Who decides what pods may send is told of each before it sends (attached.ts), and pods of one node speak to each other by the
   * node's routing, where that is asked.
   */
  readonly policy: boolean;
  /** A port of the bridge gets its own frames back: a pod that reaches itself by a Service needs that. */
  readonly hairpin: boolean;
  /** The pod's MAC as the runtime wants it (capability `mac`). */
  readonly mac: string | undefined;
  /** The addresses that a pod of mode `flat` is to have (capability `ips`); those of others are the IPAM plugin's to read. */
  readonly ips: readonly string[];
  /** From which the network gives this node a range, where the configuration names none. */
  readonly pool: string;
  /** The plugin that gives addresses; undefined: a range of the network. */
  readonly ipam: { readonly type: string } | undefined;
  /** The configuration as it came, `ipam` filled in where `ranges` stood for it: what delegated plugins get. */
  readonly raw: Readonly<Record<string, unknown>>;
  /** What ADD answered; for CHECK. */
  readonly previous: Result | undefined;
  /** Only for GC. */
  readonly valid: readonly Attachment[] | undefined;
}

export const defaultBridge = 'evio-pods';
/** What Kubernetes is told most often. */
export const defaultPool = '10.244.0.0/16';
/** Longest configuration that is read, bytes. */
export const longestConfig = 1024 * 1024;

/** Of names of networks and containers (specification, sections 1 and 2). */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const macPattern = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

type Json = Readonly<Record<string, unknown>>;

function wrong(key: string, value: unknown, want: string): CniError {
  return new CniError(
    Code.config,
    `${key} of the network configuration: ${JSON.stringify(value)} is not ${want}`,
  );
}

/** Of an interface: what the kernel takes (dev_valid_name), and no character that means something to nft or `ip`. */
export function isInterfaceName(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text) && text.length <= 15;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(raw: Json, key: string, good: (text: string) => boolean, want: string): string | undefined {
  const value = raw[key];
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string' || !good(value)) throw wrong(key, value, want);
  return value;
}

function flag(raw: Json, key: string, otherwise: boolean): boolean {
  const value = raw[key];
  if (value === undefined) return otherwise;
  if (typeof value !== 'boolean') throw wrong(key, value, 'true or false');
  return value;
}

/** The configuration, with `ipam` in the place of its short form `ranges`. */
function withIpam(raw: Json): Json {
  const { ranges, ipam } = raw;
  if (ranges === undefined) {
    if (ipam !== undefined && !isObject(ipam)) throw wrong('ipam', ipam, 'an object');
    return raw;
  }
  if (ipam !== undefined)
    throw new CniError(
      Code.config,
      'the network configuration has both "ranges" and "ipam"',
      'give one of them',
    );
  if (!Array.isArray(ranges) || ranges.length === 0)
    throw wrong('ranges', ranges, 'a list of lists of ranges');
  const { ranges: _, ...rest } = raw;
  return { ...rest, ipam: { type: 'host-local', ranges } };
}

function addresses(capabilities: Json): readonly string[] {
  const { ips = [] } = capabilities;
  if (!Array.isArray(ips) || !ips.every((ip) => typeof ip === 'string'))
    throw wrong('ips', ips, 'a list of addresses');
  return ips;
}

function attachments(value: unknown): readonly Attachment[] | undefined {
  if (value === undefined || value === null) return undefined;
  const key = 'cni.dev/valid-attachments';
  if (!Array.isArray(value)) throw wrong(key, value, 'a list');
  return value.map((entry: unknown) => {
    const { containerID, ifname } = isObject(entry) ? entry : {};
    if (typeof containerID !== 'string' || typeof ifname !== 'string')
      throw wrong(key, entry, 'an attachment');
    return { containerId: containerID, ifname };
  });
}

/** The version that the configuration names, before anything else of it is looked at: answers are written in it. */
export function versionOf(raw: Json): Version {
  const { cniVersion } = raw;
  return checkVersion(typeof cniVersion === 'string' ? cniVersion : '0.1.0');
}

/** Throws CniError (6) for what is not a JSON object. */
export function parseJson(input: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(input);
  } catch (thrown) {
    throw new CniError(
      Code.decode,
      'the network configuration is no JSON',
      thrown instanceof Error ? thrown.message : '',
    );
  }
  if (!isObject(value)) throw new CniError(Code.decode, 'the network configuration is no JSON object');
  return value;
}

/** Throws CniError 1, 2 or 7. */
export function readConfig(input: Json): Config {
  const version = versionOf(input);
  const raw = withIpam(input);
  const name = text(raw, 'name', (value) => namePattern.test(value), 'a name of a network');
  if (name === undefined) throw new CniError(Code.config, 'the network configuration has no name');
  const { ipam, mode = 'routed' } = raw;
  if (mode !== 'routed' && mode !== 'flat')
    throw new CniError(
      Code.unsupportedField,
      `unsupported field in the network configuration: "mode": ${JSON.stringify(mode)}`,
      'a mode is "routed" or "flat"',
    );
  if (mode === 'flat')
    for (const key of ['ipam', 'pool', 'bridge', 'device'])
      if (raw[key] !== undefined)
        throw new CniError(
          Code.unsupportedField,
          `unsupported field in a network configuration of mode "flat": ${key}`,
          'the network gives the addresses, and bridges are called by its interface',
        );
  if (ipam !== undefined && typeof (ipam as Json)['type'] !== 'string')
    throw new CniError(
      Code.config,
      'ipam of the network configuration names no plugin',
      'set "type": "host-local"',
    );
  const { runtimeConfig } = raw;
  const capabilities: Json = isObject(runtimeConfig) ? runtimeConfig : {};
  const { prevResult } = raw;
  if (prevResult !== undefined && prevResult !== null && !isObject(prevResult))
    throw wrong('prevResult', prevResult, 'a result');
  return {
    version,
    name,
    network: text(raw, 'network', () => true, 'a network'),
    device: text(raw, 'device', isInterfaceName, 'a name of an interface'),
    mode,
    gateway: flag(raw, 'gateway', false),
    bridge: text(raw, 'bridge', isInterfaceName, 'a name of an interface') ?? defaultBridge,
    masquerade: flag(raw, 'masquerade', true),
    guard: flag(raw, 'guard', true),
    policy: flag(raw, 'policy', false),
    hairpin: flag(raw, 'hairpin', true),
    mac: text(capabilities, 'mac', (value) => macPattern.test(value), 'a MAC')?.toLowerCase(),
    ips: mode === 'flat' ? addresses(capabilities) : [],
    pool:
      text(raw, 'pool', (value) => parseCidr(value) !== undefined, 'a range of IPv4 addresses') ??
      defaultPool,
    ipam: ipam as { type: string } | undefined,
    raw,
    previous: isObject(prevResult) ? readResult(prevResult) : undefined,
    valid: attachments(raw['cni.dev/valid-attachments']),
  };
}
