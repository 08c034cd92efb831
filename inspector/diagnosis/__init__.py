"""Why a part is as it is: what was measured, held against what is normal, weighed by a catalogue that an engineer edits.

measure(record, machine) -> Measurements      every named quantity of a part
History                                       what each channel did over the last minutes, hours and days
Normal                                        what each quantity usually is at this station
load_catalogue() -> Catalogue                 causes, symptoms, limits and words: data/knowledge/causes.yaml
diagnose(record, verdict, ...) -> Diagnosis   causes with probability and evidence, and a sentence in two languages
"""

from inspector.diagnosis.catalogue import Catalogue, load_catalogue
from inspector.diagnosis.concluding import diagnose
from inspector.diagnosis.history import History
from inspector.diagnosis.measurements import Measurement, Measurements
from inspector.diagnosis.measuring import measure
from inspector.diagnosis.normal import Normal
from inspector.diagnosis.ranges import Range

__all__ = ["Catalogue", "History", "Measurement", "Measurements", "Normal", "Range", "diagnose", "load_catalogue", "measure"]
