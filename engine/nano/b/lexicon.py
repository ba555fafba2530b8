"""The words of nano-b: who owns what, who gives instructions, what is done to a belonging, when and where.

Every verb takes a belonging as its object; forms are (base, gerund, past participle). Everything owned is singular.
"""

from __future__ import annotations

from engine.nano.words import lines, verbs, words

WHO = words("""
    courier cashier intern tenant patient trainee pensioner lodger violinist goalkeeper welder typist plasterer midwife jeweller
    optician surveyor referee mechanic electrician glazier ranger lecturer pianist novelist chemist dentist translator joiner rower
    skater cyclist caretaker lifeguard busker toymaker printer falconer newcomer widower nephew chauffeur
    roofer barista organist archer botanist engraver locksmith stoker gymnast harpist
""")

CHIEFS = words("""
    supervisor principal inspector editor coach dean chairman president chancellor superintendent curator auditor registrar treasurer
    consul prefect overseer controller
""")

GOODS = words("""
    bicycle coat cello lunchbox wheelchair medicine suitcase lamp stove camera tent sofa laptop umbrella ladder kettle scooter mattress
    radio desk wallet helmet telescope cradle aquarium crutch toolbox hammock diary heirloom
""")


HARMS = verbs("""
    smash smashing smashed
    hide hiding hidden
    wreck wrecking wrecked
    spoil spoiling spoiled
    ruin ruining ruined
    scratch scratching scratched
    dump dumping dumped
    destroy destroying destroyed
    confiscate confiscating confiscated
    sabotage sabotaging sabotaged
    crush crushing crushed
    stain staining stained
    break breaking broken
    steal stealing stolen
    damage damaging damaged
    soak soaking soaked
    bury burying buried
    flatten flattening flattened
    dismantle dismantling dismantled
    seize seizing seized
    scorch scorching scorched
    melt melting melted
    smear smearing smeared
    shatter shattering shattered
    vandalise vandalising vandalised
    trample trampling trampled
    withhold withholding withheld
    sink sinking sunk
    discard discarding discarded
    mangle mangling mangled
    shred shredding shredded
    pierce piercing pierced
    deface defacing defaced
    puncture puncturing punctured
    smudge smudging smudged
    pawn pawning pawned
    bend bending bent
    crack cracking cracked
    crumple crumpling crumpled
    gouge gouging gouged
""")

FAVOURS = verbs("""
    repair repairing repaired
    clean cleaning cleaned
    polish polishing polished
    carry carrying carried
    fetch fetching fetched
    paint painting painted
    wrap wrapping wrapped
    return returning returned
    guard guarding guarded
    mend mending mended
    wash washing washed
    dry drying dried
    deliver delivering delivered
    weigh weighing weighed
    label labelling labelled
    insure insuring insured
    dust dusting dusted
    pack packing packed
    store storing stored
    collect collecting collected
    inspect inspecting inspected
    lift lifting lifted
    restore restoring restored
    decorate decorating decorated
    photograph photographing photographed
    unload unloading unloaded
    measure measuring measured
    replace replacing replaced
    adjust adjusting adjusted
    brush brushing brushed
    oil oiling oiled
    varnish varnishing varnished
    disinfect disinfecting disinfected
    assemble assembling assembled
    tidy tidying tidied
    transport transporting transported
    test testing tested
    reserve reserving reserved
    rinse rinsing rinsed
    cover covering covered
""")

VERBS = {verb.base: verb for verb in (*HARMS, *FAVOURS)}

HOURS = lines("""
    during the lunch break
    after the shift
    before the inspection
    on payday
    over the weekend
    in the first hour
    within ten minutes
    at closing time
    before the doors open
    after the last train
    on the night shift
    before the audit
    by Thursday
    on Wednesday
    ahead of the visit
    once the bell rings
""")

SPOTS = lines("""
    in the depot
    at the clinic
    on the third floor
    behind the warehouse
    in the laundry room
    next to the lift
    at the reception desk
    under the stairs
    in the car park
    at the ferry terminal
    by the loading dock
    in the canteen
    outside the workshop
    in the corridor
    on the roof terrace
    at the bus stop
""")
