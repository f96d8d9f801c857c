/** Programs that see another clock than the machine has: libfaketime. */
import { findProgram } from '../../src/lab/exec.js';
import { need } from './need.js';

export const hasFakeTime = (): boolean => need('faketime', findProgram('faketime') !== undefined);

const folder = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;

/** The environment of a node whose calendar is another one. The clock by which time is measured stays. */
export const clockOf = (faked: Readonly<Record<string, string>>): Record<string, string> => ({
  EVIO_BIRTHDAY: '0',
  LD_PRELOAD: `/usr/lib/${folder}/faketime/libfaketimeMT.so.1`,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  ...faked,
});
