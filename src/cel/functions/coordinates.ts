import type { Overload } from './overload.ts';

function coordinate(name: 'lat' | 'lon', place: 0 | 1): readonly [string, Overload] {
  const overload: Overload = {
    ...{ name, params: ['geopoint'], result: 'double', style: 'method', total: true },
    evaluate: (point: { lat: number; lon: number }) => point[name],
    sql: (point) => `(${point})[${place}]`,
  };
  return [name, overload];
}

/** `self.place.lat`: a column of type point has the longitude first. */
export const coordinates: ReadonlyMap<string, Overload> = new Map([
  coordinate('lat', 1),
  coordinate('lon', 0),
]);
