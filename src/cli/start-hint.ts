/** What a person types to have the networks of this machine run: that depends on who runs the node here. */
import type { Home } from '../core/config/home.js';
import type { ServiceManager } from '../service/report.js';
import { runningNetworks } from './run-detached.js';

/**
 * As messages write commands (program-name.ts). A node that runs takes a network up; a service that begins at boot is started, since a
 * node beside it would keep it out; else a person starts the node. Throws nothing.
 *
 * @param managers asked who runs services here; throws where nobody does
 */
export async function startCommand(home: Home, managers?: () => ServiceManager): Promise<string> {
  try {
    if ((await runningNetworks(home)).length > 0) return 'sudo evio up';
    const { serviceManager } = await import('../service/manager.js');
    const manager = (managers ?? serviceManager)();
    if (manager.installed('node')) {
      const { enabled, home: served } = await manager.report('node');
      if (enabled === 'enabled' && served === home.path) return manager.hints('node').start;
    }
  } catch {
    // No service manager, or a node or a manager that does not answer.
  }
  return 'sudo evio node';
}
