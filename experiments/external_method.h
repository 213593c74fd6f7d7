#pragma once
// A method in any language: a program that is given a folder and has to leave label maps in it.

#include <memory>

#include "methods/label_source.h"

namespace totum {

/// Options:
///   command       ["python3", "my.py", "{folder}"]: program and arguments, run in the directory in which
///   totum
///                 was started. "{folder}" becomes the exchange folder (added at the end if no argument has
///                 it),
///                 "{totum}" the folder of totum's own files.
///   grid          native (default) or network: see Exchange
///   time_limit_s  ended after this time; none by default
///   keep_folder   false: the exchange folder is removed once the run is done
/// The folder is RUN/external, the program's output RUN/external.log. A run is done or not: one that failed
/// or was stopped begins again with a fresh folder.
std::unique_ptr<LabelSource> make_external(JsonReader options);

}  // namespace totum
