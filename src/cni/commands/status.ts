/** STATUS: could a pod be connected now? */
import { Code, CniError } from '../errors.js';
import { listLinks } from '../kernel/kernel.js';
import { deviceOf, evioLink } from '../node.js';
import { ipamOf, withLease, type Context } from './context.js';

/** Throws CniError: 51 when evio does not run here, so that pods do not reach other nodes; 50 for the rest. */
export function status(asked: Context): void {
  let context: Context;
  try {
    evioLink(listLinks(), deviceOf(asked.config, asked.home));
    context = withLease(asked);
  } catch (thrown) {
    const { message, details } = thrown as CniError;
    throw new CniError(Code.limited, message, details);
  }
  try {
    ipamOf(context).do('STATUS', context.config.raw, context.config.version);
  } catch (thrown) {
    const { message, details } = thrown as CniError;
    throw new CniError(Code.notAvailable, message, details);
  }
}
