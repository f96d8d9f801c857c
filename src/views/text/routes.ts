/** `evio route list` as plain text. */
import type { RouteReport } from '../../core/control/schema.js';
import { printable, table } from '../format.js';

/** Why a subnet is refused: `n2 holds it`. */
export function refusalText({ fault, holder }: Pick<RouteReport, 'fault' | 'holder'>): string {
  switch (fault) {
    case 'network':
      return 'it overlaps the network';
    case 'taken':
      return `${holder === null ? 'another member' : printable(holder)} holds it`;
    case 'right':
      return 'its member has not the right "route"';
    case null:
      return '';
  }
}

export function routesText(routes: readonly RouteReport[]): string {
  if (routes.length === 0) return 'No member announces a subnet.\n';
  return table(
    ['SUBNET', 'MEMBER', 'VIA', 'STATE', ''],
    routes.map((route) => [
      route.cidr,
      printable(route.name),
      route.via,
      route.shared ? `${route.state}, shared` : route.state,
      refusalText(route),
    ]),
  );
}
