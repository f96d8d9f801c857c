/**
 * What the control thread has told the worker so far, so that the one that follows a crash can be told again.
 * Holds a copy of every live key, wiped when the key goes.
 */
import type { SubnetRule } from '../../switch/subnet-table.js';
import type { Command } from './messages.js';
import type {
  BesidePath,
  GuardRule,
  HoleRoute,
  KeyWatcher,
  Neighbour,
  Path,
  PlaneLink,
  RelayRoute,
  SessionKeys,
} from './plane.js';

interface MirroredKey {
  readonly keys: SessionKeys;
  readonly place: number | undefined;
}

interface MirroredPeer {
  readonly nodeId: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly guard: GuardRule;
  readonly keys: Map<number, MirroredKey>;
  path: Path | null;
  beside: BesidePath | undefined;
  using: number | undefined;
}

function copyKeys(keys: SessionKeys): SessionKeys {
  return { ...keys, sendKey: keys.sendKey.slice(), receiveKey: keys.receiveKey.slice() };
}

function wipeKeys(key: MirroredKey | undefined): void {
  key?.keys.sendKey.fill(0);
  key?.keys.receiveKey.fill(0);
}

export class Mirror {
  readonly #peers = new Map<number, MirroredPeer>();
  readonly #relays = new Map<number, RelayRoute>();
  readonly #holes = new Map<number, HoleRoute>();
  readonly #slots = new Map<number, number>();
  readonly #watchers = new Set<KeyWatcher>();
  #neighbours: readonly Neighbour[] = [];
  #subnets: readonly SubnetRule[] = [];
  #policy: Extract<Command, { type: 'set-policy' }> | undefined;
  readonly #quarantined = new Set<number>();
  #lan: Extract<Command, { type: 'set-lan' }> | undefined;
  #links: { readonly links: readonly PlaneLink[]; readonly complete: boolean } | undefined;

  /** Notes a command that changes state; others leave no trace. */
  note(command: Command): void {
    switch (command.type) {
      case 'add-peer':
        this.#forget(command.slot);
        this.#peers.set(command.slot, {
          nodeId: command.nodeId,
          publicKey: command.publicKey,
          guard: command.guard,
          keys: new Map(),
          path: null,
          beside: undefined,
          using: undefined,
        });
        return;
      case 'remove-peer':
        this.#forget(command.slot);
        return;
      case 'set-path': {
        const peer = this.#peers.get(command.slot);
        if (peer) [peer.path, peer.beside] = [command.path, command.beside];
        return;
      }
      case 'add-key': {
        const peer = this.#peers.get(command.slot);
        if (!peer) return;
        this.#removeKey(command.keys.localIndex);
        peer.keys.set(command.keys.localIndex, { keys: copyKeys(command.keys), place: command.place });
        this.#slots.set(command.keys.localIndex, command.slot);
        for (const told of this.#watchers) told(peer.nodeId, command.keys);
        return;
      }
      case 'use-key': {
        const peer = this.#peers.get(command.slot);
        if (peer?.keys.has(command.localIndex) === true) peer.using = command.localIndex;
        return;
      }
      case 'remove-key':
        this.#removeKey(command.localIndex);
        return;
      case 'set-relay':
        if (command.route) this.#relays.set(command.relay, command.route);
        else this.#relays.delete(command.relay);
        return;
      case 'set-hole':
        if (command.route) this.#holes.set(command.hole, command.route);
        else this.#holes.delete(command.hole);
        return;
      case 'set-neighbours':
        this.#neighbours = command.neighbours;
        return;
      case 'set-subnets':
        this.#subnets = command.subnets;
        return;
      case 'set-policy':
        this.#policy = command.policy ? { ...command, fresh: false } : undefined;
        if (!command.policy) this.#quarantined.clear();
        return;
      case 'set-quarantine':
        if (command.on) this.#quarantined.add(command.slot);
        else this.#quarantined.delete(command.slot);
        return;
      case 'set-lan':
        this.#lan = command.mode === 'off' ? undefined : command;
        return;
      case 'set-links':
        this.#links = { links: command.links, complete: command.complete };
    }
  }

  /** Copies of every live key. */
  keys(): SessionKeys[] {
    return [...this.#peers.values()].flatMap(({ keys }) =>
      [...keys.values()].map((mirrored) => copyKeys(mirrored.keys)),
    );
  }

  /** See `DataPlane.watchKeys`. */
  watch(told: KeyWatcher): () => void {
    for (const { nodeId, keys } of this.#peers.values())
      for (const mirrored of keys.values()) told(nodeId, mirrored.keys);
    this.#watchers.add(told);
    return () => {
      this.#watchers.delete(told);
    };
  }

  /** Slots of the peers there are. */
  slots(): number[] {
    return [...this.#peers.keys()];
  }

  /** IP addresses of the peers that are reached directly. */
  hosts(): string[] {
    const hosts = new Set<string>();
    for (const { path } of this.#peers.values()) if (path?.kind === 'direct') hosts.add(path.endpoint.host);
    return [...hosts];
  }

  #removeKey(localIndex: number): void {
    const peer = this.#peers.get(this.#slots.get(localIndex) ?? -1);
    this.#slots.delete(localIndex);
    if (!peer) return;
    wipeKeys(peer.keys.get(localIndex));
    peer.keys.delete(localIndex);
    if (peer.using === localIndex) peer.using = undefined;
  }

  #forget(slot: number): void {
    // It knows another member in this slot, or nobody.
    if (this.#policy?.policy) this.#policy.policy.classOf[slot] = 0;
    this.#quarantined.delete(slot);
    const peer = this.#peers.get(slot);
    if (!peer) return;
    for (const localIndex of [...peer.keys.keys()]) this.#removeKey(localIndex);
    this.#peers.delete(slot);
    if (this.#links)
      this.#links = { ...this.#links, links: this.#links.links.filter((l) => l.slot !== slot) };
  }

  /** The commands that bring a new worker to this state. */
  replay(): Command[] {
    const commands: Command[] = [
      { type: 'set-neighbours', neighbours: this.#neighbours },
      { type: 'set-subnets', subnets: this.#subnets },
    ];
    for (const [relay, route] of this.#relays) commands.push({ type: 'set-relay', relay, route });
    for (const [hole, route] of this.#holes) commands.push({ type: 'set-hole', hole, route });
    for (const [slot, peer] of this.#peers) {
      const { nodeId, publicKey, guard } = peer;
      commands.push({ type: 'add-peer', slot, nodeId, publicKey, guard });
      for (const { keys, place } of peer.keys.values()) {
        const command = { type: 'add-key', slot, keys, replayed: true } as const;
        commands.push(place === undefined ? command : { ...command, place });
      }
      if (peer.using !== undefined) commands.push({ type: 'use-key', slot, localIndex: peer.using });
      if (peer.path) commands.push({ type: 'set-path', slot, path: peer.path, beside: peer.beside });
    }
    if (this.#policy) commands.push(this.#policy);
    for (const slot of this.#quarantined) commands.push({ type: 'set-quarantine', slot, on: true });
    if (this.#lan) commands.push(this.#lan);
    if (this.#links) commands.push({ type: 'set-links', ...this.#links });
    return commands;
  }

  /** Wipes every key. */
  clear(): void {
    this.#watchers.clear();
    for (const slot of [...this.#peers.keys()]) this.#forget(slot);
  }
}
