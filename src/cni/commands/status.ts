/** STATUS: could a pod be connected now? */
import { Code, CniError } from '../errors.js';
import { deviceOf, mtuOf } from '../node.js';
import { Network } from '../programs.js';
import { ipamOf, type Context } from './context.js';

/** Throws CniError: 51 when evio does not run here, so that pods do not reach other nodes; 50 for the rest. */
export async function status(context: Context): Promise<void> {
  const { config, home } = context;
  try {
    mtuOf(Network.host().links(), await deviceOf(config, home));
  } catch (thrown) {
    const { message, details } = thrown as CniError;
    throw new CniError(Code.limited, message, details);
  }
  try {
    ipamOf(context).do('STATUS', config.raw, config.version);
  } catch (thrown) {
    const { message, details } = thrown as CniError;
    throw new CniError(Code.notAvailable, message, details);
  }
}
