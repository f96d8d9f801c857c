import { BaseCommand } from '../../cli/base.js';
import { relayFlag, serviceOf } from '../../cli/service-command.js';

export default class ServiceUninstall extends BaseCommand {
  static override summary = 'stop the service, now and at boot';
  static override description =
    'Stops it and removes the unit that "evio service install" wrote. Networks, keys and settings stay.';
  static override examples = [
    'sudo <%= config.bin %> <%= command.id %>',
    'sudo <%= config.bin %> <%= command.id %> --relay',
  ];
  static override flags = { relay: relayFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(ServiceUninstall);
    const { serviceManager } = await import('../../service/manager.js');
    const report = await serviceManager().uninstall(serviceOf(flags.relay));
    this.print(`${report.unit} is stopped, and does not begin at boot.`);
    return report;
  }
}
