/** Flags that several commands share. */
import * as Flags from '@oclif/core/flags';
import { threadLimit } from '../core/dataplane/plane/roles.js';
import { audiences } from '../core/node/audience.js';
import { nameModes } from '../core/names/report.js';
import { parseDuration } from './duration.js';

export const networkFlag = Flags.string({
  char: 'n',
  helpValue: 'NETWORK',
  description: 'network, by name or id; needed only where there are several',
});

/** Peers to stay linked with. */
export const linkFlag = Flags.string({
  multiple: true,
  multipleNonGreedy: true,
  helpValue: 'PEER',
  description: 'keep a link to this peer whatever the ring says: name, address or id; repeatable',
});

export const threadsFlag = Flags.integer({
  min: 1,
  max: threadLimit,
  helpValue: 'N',
  description: 'packet threads of each network [default: 2 with four processors or more, else 1]',
});

export const dnsFlag = Flags.option({
  options: nameModes,
  default: 'auto' as const,
  helpValue: nameModes.join('|'),
  description:
    'how programs of this machine find members by NAME.NETWORK.evio: by systemd-resolved, a marked block in /etc/hosts, not at all, or by what this machine uses',
})();

export const noPortmapFlag = Flags.boolean({
  description: 'leave the router alone: ask it for no port (PCP, NAT-PMP, UPnP)',
});

export const noLanFlag = Flags.boolean({
  description: 'do not look for members on the LAN by multicast, and do not tell them of this one',
});

export const tellFlag = Flags.option({
  options: audiences,
  helpValue: 'WHOM',
  description:
    "who may ask this machine over the network for its links and decision log: the network's admins, all members, or nobody [default: admins]",
})();

export const birthdayFlag = Flags.boolean({
  allowNo: true,
  env: 'EVIO_BIRTHDAY',
  description:
    'try random ports also where the NATs of both ends draw theirs at random, if both ends say so; --no-birthday: nowhere',
});

/** A duration, as milliseconds. */
export const durationFlag = Flags.custom<number>({
  helpValue: 'TIME',
  parse: async (text) => parseDuration(text),
});

export const waitFlag = durationFlag({
  default: 30_000,
  defaultHelp: async () => '30s',
  description: 'with --detach: how long to wait until it is connected',
});
