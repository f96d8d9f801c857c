/** Whether the membership of this machine goes on. */
import { printable } from '../lib/printable.js';
import type { Term } from '../membership/renewal.js';
import { fail, pass, warn, type Check } from './check.js';

/** Of a certificate's life: with less left it should have been renewed long ago. */
const late = 1 / 5;

/** An admin barred this machine. */
export function revokedCheck(network: string, reason: string): Check {
  return fail(
    `certificate:${network}`,
    `this machine was revoked from the network${reason === '' ? '' : `: ${printable(reason)}`}. Nobody there takes it any more.`,
    `Ask an admin for a new token: evio leave --network ${network}, then sudo evio join TOKEN`,
  );
}

/** @param network as people call it. `dateMs`: by the clock of this machine */
export function checkCertificate(network: string, { from, until }: Term, dateMs: number): Check {
  const id = `certificate:${network}`;
  const date = new Date(until).toISOString();
  if (until <= dateMs) {
    return fail(
      id,
      `it ended ${date}: no member and no relay takes this machine any more.`,
      `If the clock of this machine is right, join again with a new token: evio leave --network ${network}, then sudo evio join TOKEN`,
    );
  }
  if (until - dateMs < (until - from) * late) {
    return warn(
      id,
      `it ends ${date}, and no admin has renewed it.`,
      'Run the node here and on a machine that is an admin (evio admin list) at the same time.',
    );
  }
  return pass(id, `until ${date}; an admin renews it before`);
}
