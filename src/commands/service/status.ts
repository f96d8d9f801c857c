import { BaseCommand } from '../../cli/base.js';
import { relayFlag, serviceOf, serviceText } from '../../cli/service-command.js';
import { ExitStatus } from '../../core/lib/errors.js';

export default class ServiceStatus extends BaseCommand {
  static override summary = 'tell whether the service runs';
  static override description =
    'Exit status 3 when the service does not run. What the node itself has to say: evio status.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --relay --json',
  ];
  static override flags = { relay: relayFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(ServiceStatus);
    const { serviceManager } = await import('../../service/manager.js');
    const manager = serviceManager();
    const service = serviceOf(flags.relay);
    const report = await manager.report(service);
    this.show(serviceText(report, manager.hints(service)));
    if (report.active !== 'active') process.exitCode = ExitStatus.notRunning;
    return report;
  }
}
