/** The switches of `evio node` and `evio join`: as flags, as what they mean, and as arguments of a process in the background. */
import type { NodeSwitches } from '../core/node/switches.js';
import { noLanFlag, noPortmapFlag, threadsFlag } from './flags.js';
import { userspaceArguments, userspaceFlags, userspaceOf, type UserspaceFlags } from './userspace-flags.js';

export const nodeFlags = {
  threads: threadsFlag,
  'no-portmap': noPortmapFlag,
  'no-lan': noLanFlag,
  ...userspaceFlags,
};

interface NodeFlags extends UserspaceFlags {
  readonly threads?: number | undefined;
  readonly 'no-portmap'?: boolean;
  readonly 'no-lan'?: boolean;
}

/** Throws EVIO_BAD_VALUE. */
export function switchesOf(flags: NodeFlags): NodeSwitches {
  const userspace = userspaceOf(flags);
  return {
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    ...(flags['no-portmap'] ? { portmap: false } : {}),
    ...(flags['no-lan'] ? { lan: false } : {}),
    ...(userspace ? { userspace } : {}),
  };
}

export function switchArguments({ threads, portmap = true, lan = true, userspace }: NodeSwitches): string[] {
  return [
    ...(threads === undefined ? [] : ['--threads', String(threads)]),
    ...(portmap ? [] : ['--no-portmap']),
    ...(lan ? [] : ['--no-lan']),
    ...userspaceArguments(userspace),
  ];
}
