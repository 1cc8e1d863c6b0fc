/** A map from the server: its exact edges and its picture, asked for at once. */

import { fetchImage } from "../shared/rest.js";

/**
 * @typedef {import("../shared/resources.js").VmResource} VmResource
 * @typedef {import("../shared/rest_types.d.ts").RasterOut} Raster
 */

/**
 * @param {VmResource} vm
 * @param {import("../shared/rest.js").Parameters} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<{raster: Raster, picture: ImageBitmap | null}>} null: the map has no rows
 */
export async function loadPicture(vm, parameters, signal) {
  const theme = document.documentElement.dataset.theme;
  const query = { ...parameters, theme };
  const [raster, image] = await Promise.all([
    vm.get("raster", query, signal),
    fetchImage(vm.url("raster.png", query), signal),
  ]);
  if (raster.image === null) return { raster, picture: null };
  // A commit between the two answers may have changed what there is to draw.
  const isSame = image.tag === raster.tag;
  return { raster, picture: (isSame ? image : await fetchImage(raster.image, signal)).bitmap };
}
