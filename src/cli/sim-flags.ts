/** Flags of `evio sim`. */
import * as Flags from '@oclif/core/flags';
import { badValue } from '../core/identity/names.js';
import type { NatMix } from '../sim/net.js';

/** A share: 0 ... 1. */
export const shareFlag = Flags.custom<number>({
  helpValue: 'SHARE',
  parse: async (text) => {
    const share = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
    if (share >= 0 && share <= 1) return share;
    throw badValue(`"${text}" is not a share.`, 'Write a number from 0 to 1: 0.01 is one in a hundred');
  },
});

/** Four percentages that sum up to a hundred. */
export const natMixFlag = Flags.custom<NatMix>({
  helpValue: 'A/B/C/D',
  parse: async (text) => {
    const [a = NaN, b = NaN, c = NaN, d = NaN, more] = text
      .split('/')
      .map((part) => (/^\d+(\.\d+)?$/.test(part) ? Number(part) : NaN));
    if (more === undefined && Math.abs(a + b + c + d - 100) < 0.01)
      return [a / 100, b / 100, c / 100, d / 100];
    throw badValue(
      `"${text}" is no mix of NATs.`,
      'Write four percentages that sum up to 100, such as 10/60/22/8',
    );
  },
});
