"""The words of the micro-world: who orders, who is acted on, what is done to them, where and when.

Every verb takes a person as its object, so that any role fits any verb; forms are (base, gerund, past), and the past is also
the participle. Every thing is singular, so that "the {thing}" never needs agreement.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.nano.words import lines, verbs, words


class Feeling(NamedTuple):
    """A verb of feeling: "I {base} the rain", "the sailor {third} the rain"."""

    base: str
    third: str


ROLES = words("""
    orphan widow baker sailor farmer nurse teacher student beggar prisoner traveller weaver fisherman miner gardener singer
    painter blacksmith shepherd carpenter tailor merchant monk pilgrim scholar dancer cook miller hunter clerk porter messenger
    refugee stranger neighbour child grandmother grandfather apprentice servant poet drummer potter cobbler butcher innkeeper
    librarian doctor driver cleaner postman waiter actor juggler florist plumber swimmer climber tourist veteran hermit sculptor
    barber beekeeper
""")

BOSSES = words("""
    captain mayor general king queen sheriff manager director colonel duke judge governor commander sergeant headmaster bishop
    foreman minister baron admiral chief emperor landlord warden
""")

HARMS = verbs("""
    evict evicting evicted
    starve starving starved
    rob robbing robbed
    whip whipping whipped
    abandon abandoning abandoned
    deceive deceiving deceived
    threaten threatening threatened
    humiliate humiliating humiliated
    imprison imprisoning imprisoned
    exile exiling exiled
    poison poisoning poisoned
    blackmail blackmailing blackmailed
    betray betraying betrayed
    kidnap kidnapping kidnapped
    torment tormenting tormented
    cheat cheating cheated
    injure injuring injured
    trap trapping trapped
    shame shaming shamed
    mock mocking mocked
    drown drowning drowned
    burn burning burned
    chain chaining chained
    bully bullying bullied
    harass harassing harassed
    slander slandering slandered
    strike striking struck
    banish banishing banished
    terrify terrifying terrified
    swindle swindling swindled
    stab stabbing stabbed
    torture torturing tortured
    insult insulting insulted
    ambush ambushing ambushed
    wound wounding wounded
    enslave enslaving enslaved
    kick kicking kicked
    frighten frightening frightened
    attack attacking attacked
    exploit exploiting exploited
""")

KINDNESSES = verbs("""
    feed feeding fed
    greet greeting greeted
    help helping helped
    protect protecting protected
    teach teaching taught
    comfort comforting comforted
    heal healing healed
    visit visiting visited
    thank thanking thanked
    welcome welcoming welcomed
    guide guiding guided
    shelter sheltering sheltered
    praise praising praised
    escort escorting escorted
    reward rewarding rewarded
    encourage encouraging encouraged
    defend defending defended
    rescue rescuing rescued
    clothe clothing clothed
    console consoling consoled
    assist assisting assisted
    applaud applauding applauded
    support supporting supported
    nurse nursing nursed
    befriend befriending befriended
    invite inviting invited
    pay paying paid
    warn warning warned
    cheer cheering cheered
    serve serving served
    honour honouring honoured
    train training trained
    entertain entertaining entertained
    advise advising advised
    reassure reassuring reassured
    congratulate congratulating congratulated
    calm calming calmed
    cure curing cured
    accompany accompanying accompanied
    warm warming warmed
""")

VERBS = {verb.base: verb for verb in (*HARMS, *KINDNESSES)}

TIMES = lines("""
    before dawn
    tonight
    at noon
    after supper
    at sunset
    before breakfast
    this morning
    this evening
    at midnight
    after the storm
    before the feast
    on Sunday
    on Friday
    without delay
    after the meeting
    before the rain
    at sunrise
    by Monday
    this afternoon
    during the night
""")

PLACES = lines("""
    in the market
    at the harbour
    by the river
    near the church
    behind the barn
    in the garden
    at the station
    on the bridge
    in the square
    outside the inn
    at the mill
    in the forest
    beside the well
    in the library
    at the gate
    on the hill
    near the tower
    in the kitchen
    at the school
    by the lake
""")

THINGS = words("""
    rain sea moon forest river song snow garden mountain wind music winter summer ocean violin city village desert dawn fire
    storm piano island meadow poem cat dog horse bread tea coffee soup honey cheese market bridge castle tower train ship
    lighthouse library school museum theatre circus painting novel letter silence darkness thunder autumn spring sunset rose
    orchard valley lake harbour beach waterfall dance flute drum clock lantern kitchen cake apple butterfly robin
""")

FEELINGS = tuple(
    Feeling(*line.split())
    for line in lines("""
        love loves
        miss misses
        enjoy enjoys
        adore adores
        fear fears
        hate hates
        dread dreads
        treasure treasures
        cherish cherishes
        admire admires
        trust trusts
        envy envies
        resent resents
        like likes
        dislike dislikes
        crave craves
        want wants
        desire desires
        loathe loathes
        detest detests
        appreciate appreciates
        relish relishes
        favour favours
        savour savours
        despise despises
        value values
        mourn mourns
        worship worships
        respect respects
        distrust distrusts
        idolise idolises
        abhor abhors
    """)
)

THIRD = {feeling.base: feeling.third for feeling in FEELINGS}
