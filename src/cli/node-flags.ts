/** The switches of `evio node` and `evio join`: as flags, as what they mean, and as arguments of a process in the background. */
import type { NodeSwitches } from '../core/node/switches.js';
import type { NameMode } from '../core/names/report.js';
import type { Audience } from '../core/node/audience.js';
import { birthdayFlag, dnsFlag, noLanFlag, noPortmapFlag, tellFlag, threadsFlag } from './flags.js';
import { userspaceArguments, userspaceFlags, userspaceOf, type UserspaceFlags } from './userspace-flags.js';

export const nodeFlags = {
  threads: threadsFlag,
  'no-portmap': noPortmapFlag,
  'no-lan': noLanFlag,
  birthday: birthdayFlag,
  dns: dnsFlag,
  tell: tellFlag,
  ...userspaceFlags,
};

interface NodeFlags extends UserspaceFlags {
  readonly threads?: number | undefined;
  readonly 'no-portmap'?: boolean;
  readonly 'no-lan'?: boolean;
  readonly birthday?: boolean;
  readonly dns?: NameMode;
  readonly tell?: Audience | undefined;
}

/** Throws EVIO_BAD_VALUE. */
export function switchesOf(flags: NodeFlags): NodeSwitches {
  const userspace = userspaceOf(flags);
  return {
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    ...(flags['no-portmap'] ? { portmap: false } : {}),
    ...(flags['no-lan'] ? { lan: false } : {}),
    ...(flags.tell === undefined ? {} : { tell: flags.tell }),
    ...(flags.birthday === undefined ? {} : { birthday: flags.birthday }),
    ...(flags.dns === undefined || userspace ? {} : { names: flags.dns }),
    ...(userspace ? { userspace } : {}),
  };
}

export function switchArguments({
  threads,
  portmap = true,
  lan = true,
  birthday,
  names,
  tell,
  userspace,
}: NodeSwitches): string[] {
  return [
    ...(threads === undefined ? [] : ['--threads', String(threads)]),
    ...(portmap ? [] : ['--no-portmap']),
    ...(lan ? [] : ['--no-lan']),
    ...(birthday === undefined ? [] : [birthday ? '--birthday' : '--no-birthday']),
    ...(names === undefined ? [] : ['--dns', names]),
    ...(tell === undefined ? [] : ['--tell', tell]),
    ...userspaceArguments(userspace),
  ];
}

/** What an `evio node` is told beside its home. */
export interface NodeWords {
  /** Ids; all of the home when empty. */
  readonly networks: readonly string[];
  readonly port?: number | undefined;
  readonly switches?: NodeSwitches | undefined;
  readonly links?: readonly string[] | undefined;
  readonly metrics?: string | undefined;
}

/** The words after `evio node`. */
export function nodeArguments({ networks, port, switches = {}, links = [], metrics }: NodeWords): string[] {
  return [
    ...networks.flatMap((id) => ['--network', id]),
    ...(port === undefined ? [] : ['--port', String(port)]),
    ...switchArguments(switches),
    ...links.flatMap((peer) => ['--link', peer]),
    ...(metrics === undefined ? [] : ['--metrics', metrics]),
  ];
}
