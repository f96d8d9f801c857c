/** How this machine may reach others, as its profile says. */
import { describeIceServer, iceServersOf, type IceServer } from './ice-server.js';
import { describeProxy, parseProxy } from '../lib/proxy-url.js';
import type { PathWishes, Profile } from './profile.js';

export interface Reach {
  /** Direct paths are looked for. */
  readonly direct: boolean;
  /** Data may go through relays of the network. */
  readonly relayed: boolean;
  /** For WebRTC. None: this node makes no call by itself. */
  readonly iceServers: readonly IceServer[];
}

export function reachOf({ paths }: Pick<Profile, 'paths'>): Reach {
  return {
    direct: paths?.relays !== 'only',
    relayed: paths?.relays !== 'never',
    iceServers: iceServersOf(paths?.iceServers),
  };
}

/** What an operator changes of the wishes; what is left out stays. */
export interface ChangedWishes {
  /** `any` is the default again. */
  readonly relays?: NonNullable<PathWishes['relays']> | 'any';
  /** In place of those before; none ends WebRTC calls from here. */
  readonly iceServers?: readonly string[];
  /** `environment` is the default again. */
  readonly proxy?: string;
}

export function withWishes(profile: Profile, changed: ChangedWishes): Profile {
  const { relays, iceServers, proxy } = { ...profile.paths, ...changed };
  const paths = {
    ...(relays !== undefined && relays !== 'any' && { relays }),
    ...(iceServers !== undefined && iceServers.length > 0 && { iceServers }),
    ...(proxy !== undefined && proxy !== 'environment' && { proxy }),
  };
  const { paths: _before, ...rest } = profile;
  return Object.keys(paths).length === 0 ? rest : { ...rest, paths };
}

/** For people: no password is in it. */
export interface PathsReport {
  readonly relays: NonNullable<PathWishes['relays']> | 'any';
  /** `turn:HOST:PORT`. */
  readonly iceServers: readonly string[];
  /** `http://HOST:PORT`, `none`, or `environment`: what that says. */
  readonly proxy: string;
}

export function pathsReport({ paths }: Pick<Profile, 'paths'>): PathsReport {
  return {
    relays: paths?.relays ?? 'any',
    iceServers: iceServersOf(paths?.iceServers).map(describeIceServer),
    proxy: shownProxy(paths?.proxy),
  };
}

function shownProxy(wish = 'environment'): string {
  const proxy = wish === 'none' || wish === 'environment' ? wish : parseProxy(wish);
  return typeof proxy === 'string' ? proxy : describeProxy(proxy);
}
