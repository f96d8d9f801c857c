/** Secrets that come in the environment. */
import { wipeEnvironment } from '../core/native/capabilities.js';

/** Takes a secret out of the environment, which processes that we start inherit, and out of what `/proc` shows of it. */
export function takeInherited(variable: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const inherited = env[variable];
  Reflect.deleteProperty(env, variable);
  if (inherited !== undefined && env === process.env) hideFromProcessList(variable);
  return inherited;
}

/** Linux shows the first environment of a process to who may look into it. */
function hideFromProcessList(variable: string): void {
  if (process.platform !== 'linux') return;
  try {
    wipeEnvironment(variable);
  } catch {
    // Without native code it stays: there is no node then, and the process ends soon.
  }
}
