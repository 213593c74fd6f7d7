#include "networks/slice_translator.h"

namespace totum {

SliceTranslatorImpl::SliceTranslatorImpl(const SliceTranslatorShape& shape)
    : content_(register_module("content", ContentEncoder(shape.width))),
      styles_{register_module("style_ct", StyleEncoder(shape.width, style_reductions(shape.slice_pixels))),
              register_module("style_mr", StyleEncoder(shape.width, style_reductions(shape.slice_pixels)))},
      decoder_(register_module("decoder", StyleDecoder(shape.width))) {}

}  // namespace totum
