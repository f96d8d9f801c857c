/**
 * What ADD does to interfaces, asked of the kernel itself: a program that is started takes 3 to 6 ms for it, and a pod waits for
 * each. In the namespace of the thread (namespace.ts).
 */
import { Arena } from '../../core/native/arena.js';
import { Errno, errnoName, libc } from '../../core/native/libc.js';
import { Netlink, NetlinkError, NetlinkFlag } from '../../core/native/netlink.js';
import { Code, CniError } from '../errors.js';
import {
  encodeAddress,
  encodeAddressesQuery,
  encodeBridge,
  encodeForwarding,
  encodeLinkChange,
  encodeLinksQuery,
  encodeNeighbour,
  encodeNeighboursQuery,
  encodePair,
  encodePort,
  encodeProxy,
  encodeRoute,
  Message,
  readAddress,
  readLink,
  readNeighbour,
  type End,
  type LinkChange,
  type NeighbourFacts,
  type PortChange,
  type RouteWords,
} from './messages.js';
import { withNamespace } from './namespace.js';

/** An interface, in the words of `ip -json`. */
export interface Link {
  readonly ifname: string;
  readonly mtu: number;
  /** Bytes of the longest super-frame that it takes whole; the kernel cuts longer ones into packets itself. */
  readonly gso_max_size: number;
  readonly flags: readonly string[];
  readonly address: string;
  /** A word that somebody left there; empty without. */
  readonly alias: string;
  /** The bridge that it is a port of. */
  readonly master?: string;
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
}

/** The kernel refused something. */
export class Refusal extends CniError {
  /** It is there already. */
  readonly exists: boolean;

  constructor(what: string, errno: number) {
    super(Code.failed, `the kernel refuses ${what}`, errnoName(errno));
    this.exists = errno === Errno.EEXIST;
  }
}

/** Something new, that must not be there. */
const fresh = NetlinkFlag.create | NetlinkFlag.excl;
/** The same, whether it is there or not. */
const any = NetlinkFlag.create | NetlinkFlag.replace;

export class Kernel {
  readonly #netlink: Netlink;

  private constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** All methods throw Refusal. */
  static use<T>(work: (kernel: Kernel) => T): T {
    let netlink: Netlink;
    try {
      netlink = new Netlink();
    } catch (thrown) {
      throw thrown instanceof NetlinkError ? new Refusal('a netlink socket', thrown.errno) : thrown;
    }
    try {
      return work(new Kernel(netlink));
    } finally {
      netlink.close();
    }
  }

  /** All interfaces with their addresses. */
  links(): readonly Link[] {
    const found = this.#dump('interfaces', Message.getLink, encodeLinksQuery(), readLink);
    const addresses = this.#dump('addresses', Message.getAddress, encodeAddressesQuery(), readAddress);
    const names = new Map(found.map(({ index, name }) => [index, name]));
    return found.map(({ index, name, alias, mac, mtu, superFrame, up, master }) => {
      const bridge = names.get(master);
      return {
        ifname: name,
        alias,
        address: mac,
        mtu,
        gso_max_size: superFrame,
        flags: up ? ['UP'] : [],
        ...(bridge === undefined ? {} : { master: bridge }),
        addr_info: addresses.filter((address) => address.index === index),
      };
    });
  }

  addBridge(name: string, mac: string, mtu: number): void {
    this.#change(`the bridge ${name}`, Message.newLink, fresh, encodeBridge(name, mac, mtu));
  }

  /** A pair of veths, the far end in the namespace at this path, or beside the near one. */
  addPair(near: End, far: End, path?: string): void {
    const add = (netns?: number): void => {
      const what = `the interfaces ${near.name} and ${far.name}`;
      this.#change(what, Message.newLink, fresh, encodePair(near, far, netns));
    };
    if (path === undefined) add();
    else withNamespace(path, add);
  }

  set(name: string, { bridge, ...change }: Omit<LinkChange, 'master'> & { readonly bridge?: string }): void {
    const master = bridge === undefined ? {} : { master: this.#index(bridge) };
    const body = encodeLinkChange(this.#index(name), { ...change, ...master });
    this.#change(`${Object.keys(change).join(' and ')} of ${name}`, Message.newLink, 0, body);
  }

  remove(name: string): void {
    this.#change(`the end of ${name}`, Message.removeLink, 0, encodeLinkChange(this.#index(name), {}));
  }

  setPort(name: string, change: PortChange): void {
    this.#change(`the port ${name}`, Message.newLink, 0, encodePort(this.#index(name), change));
  }

  /** An address with its length; `again`: it may be there. */
  addAddress(name: string, cidr: string, again = false): void {
    const body = encodeAddress(this.#index(name), cidr);
    this.#change(`the address ${cidr} of ${name}`, Message.newAddress, again ? any : fresh, body);
  }

  /** `again`: it may be there. */
  addRoute(name: string, dst: string, words: RouteWords & { readonly again?: boolean }): void {
    const body = encodeRoute(this.#index(name), dst, words);
    const what = `the route to ${dst} by ${words.gateway ?? name}`;
    this.#change(what, Message.newRoute, words.again === true ? any : fresh, body);
  }

  /** Harmless where there is none. */
  removeRoute(name: string, dst: string): void {
    this.#end(`the end of the route to ${dst}`, Message.removeRoute, () =>
      encodeRoute(this.#index(name), dst, {}),
    );
  }

  /** Asks who has this IPv4 address beside the interface; the kernel waits for the answer (`neighbours`). */
  ask(name: string, ip: string): void {
    const body = encodeNeighbour(this.#index(name), ip);
    this.#change(`to ask for ${ip}`, Message.newNeighbour, NetlinkFlag.create, body);
  }

  /** Nothing is known of this address any more. Harmless where nothing was. */
  forget(name: string, ip: string): void {
    this.#end(`to forget ${ip}`, Message.removeNeighbour, () => encodeNeighbour(this.#index(name), ip));
  }

  /** What is known of IPv4 addresses beside this interface. */
  neighbours(name: string): readonly NeighbourFacts[] {
    const own = this.#index(name);
    return this.#dump('neighbours', Message.getNeighbour, encodeNeighboursQuery(), readNeighbour).filter(
      ({ index }) => index === own,
    );
  }

  /** The bridge sends what is for this MAC to this port of its. */
  teach(port: string, mac: string): void {
    const body = encodeForwarding(this.#index(port), mac);
    this.#change(`${mac} at the port ${port}`, Message.newNeighbour, any, body);
  }

  /** The interface answers for this IPv6 address, which lies behind it. */
  answerFor(name: string, address: string): void {
    const body = encodeProxy(this.#index(name), address);
    this.#change(`to have ${name} answer for ${address}`, Message.newNeighbour, any, body);
  }

  #index(name: string): number {
    const arena = new Arena(64);
    arena.setText(0, name);
    const index = libc().if_nametoindex(arena.base);
    if (index === 0) throw new Refusal(`the interface ${name}`, libc().errno());
    return index;
  }

  #change(what: string, type: number, flags: number, body: Uint8Array): void {
    try {
      this.#netlink.change(type, flags, body);
    } catch (thrown) {
      throw thrown instanceof NetlinkError ? new Refusal(what, thrown.errno) : thrown;
    }
  }

  /** Takes away what may be gone already, its interface with it. */
  #end(what: string, type: number, body: () => Uint8Array): void {
    try {
      this.#change(what, type, 0, body());
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
    }
  }

  #dump<T>(what: string, type: number, body: Uint8Array, read: (body: Uint8Array) => T | undefined): T[] {
    try {
      return this.#netlink.dump(type, body).flatMap((message) => read(message.body) ?? []);
    } catch (thrown) {
      throw thrown instanceof NetlinkError ? new Refusal(`to list ${what}`, thrown.errno) : thrown;
    }
  }
}

/** All interfaces of the namespace of this thread. Throws Refusal. */
export function listLinks(): readonly Link[] {
  return Kernel.use((kernel) => kernel.links());
}
