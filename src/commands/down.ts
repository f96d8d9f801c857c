import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Down extends BaseCommand {
  static override summary = 'stop the node of this machine';
  static override description =
    'Returns once its interfaces are gone. With --network only that network stops.';
  static override examples = [
    'sudo <%= config.bin %> <%= command.id %>',
    'sudo <%= config.bin %> <%= command.id %> --network home',
  ];
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(Down);
    const { stopNode } = await import('../cli/stop-node.js');
    const home = this.home();
    const result = await stopNode(home, flags.network).catch(async (thrown: unknown) => {
      // One that was killed could not tidy up.
      const { runningNetworks } = await import('../cli/run-detached.js');
      const { forgetNames } = await import('../cli/forget-names.js');
      if ((await runningNetworks(home)).length === 0) await forgetNames(home);
      throw thrown;
    });
    this.say(result.stopped.length === 1 ? 'Stopped.' : `Stopped ${result.stopped.length} networks.`);
    return result;
  }
}
