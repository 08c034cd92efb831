"""Why a part is as it is: what was measured, held against what is normal, weighed by a catalogue that an engineer edits.

measure(record, machine) -> Measurements      every named quantity of a part
History                                       what each channel did over the last minutes, hours and days
Normal                                        what each quantity usually is at this station
load_catalogue() -> Catalogue                 causes, symptoms, limits and words: data/knowledge/causes.yaml
diagnose(record, verdict, ...) -> Diagnosis   causes with probability and evidence, and a sentence in two languages
Experience                                    what confirmed cases teach the catalogue
Credit                                        how much the network's opinion counts beside the symptoms: found in training
"""

from inspector.diagnosis.catalogue import Catalogue
from inspector.diagnosis.catalogue_file import load_catalogue
from inspector.diagnosis.concluding import diagnose
from inspector.diagnosis.credit import Credit
from inspector.diagnosis.experience import Experience
from inspector.diagnosis.history import History
from inspector.diagnosis.measurements import Measurement, Measurements
from inspector.diagnosis.measuring import measure
from inspector.diagnosis.normal import Normal
from inspector.diagnosis.ranges import Range
from inspector.diagnosis.ranking import listen

__all__ = [
    "Catalogue",
    "Credit",
    "Experience",
    "History",
    "Measurement",
    "Measurements",
    "Normal",
    "Range",
    "diagnose",
    "listen",
    "load_catalogue",
    "measure",
]
