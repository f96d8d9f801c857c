/**
 * Traffic control as rtnetlink(7) has it (`<linux/rtnetlink.h>`, `<linux/pkt_cls.h>`): as much as it takes to hand frames that
 * arrive at one interface to another.
 *
 *   tcmsg      family 1 | 0 3 | interface 4 | handle 4 | parent 4 | info 4: priority in its upper half, EtherType in the lower
 *   attribute  length 2 | type 2 | value, padded to 4 bytes
 *
 * Integers are little endian but for EtherTypes, and masks and values that are compared with the packet.
 */
import { concatBytes } from '../lib/bytes.js';
import { attribute, textAttribute } from './attribute.js';

/** RTM_NEWQDISC, RTM_DELQDISC, RTM_NEWTFILTER. */
export const TrafficMessage = { addQueue: 36, removeQueue: 37, addFilter: 44 } as const;

const infoBytes = 20;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TC_H_CLSACT = 0xffff_fff1;
const clsactHandle = 0xffff_0000;
const ingress = 0xffff_fff2;
/** ETH_P_ALL, as it lies in the message. */
const everyType = 0x0300;
const TCA_U32_SEL = 5;
const TCA_U32_ACT = 7;
const TC_U32_TERMINAL = 1;
const selectorBytes = 16;
const keyBytes = 16;
const TCA_ACT_KIND = 1;
const TCA_ACT_OPTIONS = 2;
const TCA_MIRRED_PARMS = 2;
const mirredBytes = 28;
const TC_ACT_PIPE = 3;
const TC_ACT_STOLEN = 4;
const TCA_EGRESS_REDIR = 1;
const TCA_EGRESS_MIRROR = 2;
const TCA_INGRESS_REDIR = 3;
const actions = { leaves: TCA_EGRESS_REDIR, copied: TCA_EGRESS_MIRROR, arrives: TCA_INGRESS_REDIR } as const;

/** Which frames a filter is for: 32 bits of them, from the beginning of what lies behind the Ethernet header. */
export interface FrameMatch {
  /** Bytes; negative: in the Ethernet header. */
  readonly offset: number;
  readonly mask: number;
  readonly value: number;
}

/** A frame leaves by the other interface; or a copy of it does; or it arrives there. */
export interface Handing {
  readonly how: 'leaves' | 'copied' | 'arrives';
  /** Index of the other interface. */
  readonly to: number;
}

export interface Handover {
  /** Index of the interface at which frames arrive. */
  readonly from: number;
  /** Lower ones are asked first. */
  readonly priority: number;
  /** All of these. */
  readonly match: readonly FrameMatch[];
  /** One after the other, copies first; none: the frame stays where it arrived. */
  readonly actions: readonly Handing[];
}

function head(index: number, handle: number, parent: number, info: number): Uint8Array {
  const out = new Uint8Array(infoBytes);
  const view = new DataView(out.buffer);
  view.setUint32(4, index, true);
  view.setUint32(8, handle, true);
  view.setUint32(12, parent, true);
  view.setUint32(16, info, true);
  return out;
}

/** The place of an interface where frames that arrive are looked at (`clsact`); all filters go with it. */
export function encodeArrivals(index: number): Uint8Array {
  return concatBytes(head(index, clsactHandle, TC_H_CLSACT, 0), textAttribute(TCA_KIND, 'clsact'));
}

function encodeAction({ how, to }: Handing, order: number): Uint8Array {
  const mirred = new Uint8Array(mirredBytes);
  const action = new DataView(mirred.buffer);
  action.setInt32(8, how === 'copied' ? TC_ACT_PIPE : TC_ACT_STOLEN, true);
  action.setInt32(20, actions[how], true);
  action.setUint32(24, to, true);
  const options = attribute(TCA_ACT_OPTIONS, attribute(TCA_MIRRED_PARMS, mirred));
  return attribute(order, textAttribute(TCA_ACT_KIND, 'mirred'), options);
}

/** A filter (`u32`), and what it does with frames (`mirred`). */
export function encodeHandover({ from, priority, match, actions: handings }: Handover): Uint8Array {
  const selector = new Uint8Array(selectorBytes + match.length * keyBytes);
  const keys = new DataView(selector.buffer);
  keys.setUint8(0, TC_U32_TERMINAL);
  keys.setUint8(2, match.length);
  match.forEach(({ mask, value, offset }, i) => {
    const at = selectorBytes + i * keyBytes;
    keys.setUint32(at, mask);
    keys.setUint32(at + 4, value);
    keys.setInt32(at + 8, offset, true);
  });
  const done = handings.map((handing, i) => encodeAction(handing, i + 1));
  return concatBytes(
    head(from, 0, ingress, ((priority << 16) | everyType) >>> 0),
    textAttribute(TCA_KIND, 'u32'),
    attribute(
      TCA_OPTIONS,
      attribute(TCA_U32_SEL, selector),
      ...(done.length > 0 ? [attribute(TCA_U32_ACT, ...done)] : []),
    ),
  );
}
