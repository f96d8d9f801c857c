/** Evio in the comparison: direct, and by the two kinds of relay, where routers leave nothing else. */
import type { Contender, Running, Stage } from './contender.js';
import type { Rig, RigNode } from '../lab/rig.js';
import type { SiteKind } from '../lab/topology.js';

/** The relay is started once and serves every variant. */
const relays = new WeakMap<Rig, Promise<string>>();
/** Nodes keep their homes from round to round, as machines do. */
const pairs = new WeakMap<Stage, Map<string, Promise<[RigNode, RigNode]>>>();

function relayOf(rig: Rig): Promise<string> {
  const known = relays.get(rig);
  if (known !== undefined) return known;
  // Each variant is a network of its own.
  const started = rig.startRelay(['--open']);
  relays.set(rig, started);
  return started;
}

async function joinPair(stage: Stage, label: string, nat: SiteKind | undefined): Promise<[RigNode, RigNode]> {
  const { rig } = stage;
  const url = await relayOf(rig);
  const hosts =
    nat === undefined
      ? [stage.a, stage.b]
      : (await Promise.all(['c', 'd'].map((end) => rig.lab.site(`${label}${end}`, { nat })))).map(
          (s) => s.host,
        );
  const [a, b] = hosts.map((host, i) => rig.node(host, `${label}${i + 1}`)) as [RigNode, RigNode];
  const token = await a.init(label, url);
  a.launch(['node']);
  await a.up();
  b.launch(['join', token, '--name', b.name]);
  await b.up();
  await Promise.all([a.stop(), b.stop()]);
  return [a, b];
}

async function members(stage: Stage, label: string, nat?: SiteKind): Promise<[RigNode, RigNode]> {
  const known = pairs.get(stage) ?? new Map<string, Promise<[RigNode, RigNode]>>();
  pairs.set(stage, known);
  const pair = known.get(label) ?? joinPair(stage, label, nat);
  known.set(label, pair);
  return pair;
}

async function start(stage: Stage, label: string, nat?: SiteKind): Promise<Running> {
  const [a, b] = await members(stage, label, nat);
  const stop = async (): Promise<void> => {
    await Promise.all([a.stop(), b.stop()]);
  };
  try {
    const first = a.launch(['node']);
    await a.up();
    const startedAt = performance.now();
    const second = b.launch(['node']);
    await b.up();
    const relay = nat === undefined ? undefined : stage.rig.relay.process;
    const programs = relay === undefined ? [first, second] : [first, second, relay];
    const path = async (): Promise<string> =>
      (await a.peers()).find((peer) => peer.ip === b.ip)?.path?.kind ?? 'none';
    return { client: a.host, server: b.host, address: b.ip, startedAt, programs, stop, path };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

const about = { layer: 2, encryption: 'AES-256-GCM or ChaCha20-Poly1305', programs: {} } as const;

export const evio: Contender = { ...about, name: 'evio', start: (stage) => start(stage, 'bench') };

/** Both NATs give every destination another random port: nothing can be punched. */
export const evioUdpRelay: Contender = {
  ...about,
  name: 'evio by UDP relay',
  start: (stage) => start(stage, 'benchudp', 'address-and-port-dependent'),
};

/** Both firewalls drop UDP. */
export const evioWebSocketRelay: Contender = {
  ...about,
  name: 'evio by WebSocket relay',
  start: (stage) => start(stage, 'benchws', 'udp-blocked'),
};
