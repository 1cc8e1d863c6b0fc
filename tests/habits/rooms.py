"""Which room may import which: a row for every package under app/ and collector/.

A name stands for a room's door, or for a public module that has no room. What a room's own modules
import of one another is its own business.
"""

ROOMS = {
    "app": (
        "app.access app.api app.commands.dashboard app.commands.reading app.commands.recording "
        "app.commands.upkeep app.commands.usage app.http.answers app.http.deletions "
        "app.http.feed app.importing app.model.guest app.pages app.queries.counters "
        "app.queries.figures app.queries.history app.queries.live app.queries.maps "
        "app.queries.storms app.report.download app.serving app.store.database app.store.errors "
        "app.store.read collector.trace.errors"
    ),
    "app.access": "",
    "app.api": (
        "app.api.monitoring app.http.answers app.http.dependencies app.http.limits "
        "app.http.parameters app.importing app.model.events app.model.guest app.model.raster "
        "app.queries.events app.queries.figures app.queries.history app.queries.inventory "
        "app.queries.maps app.queries.storms app.queries.tables app.store.catalogue "
        "app.store.errors app.store.read app.store.schema"
    ),
    "app.api.monitoring": (
        "app.http.dependencies app.http.feed app.model.guest app.queries.choices "
        "app.queries.counters app.queries.figures app.queries.inventory app.queries.live "
        "app.store.catalogue app.store.read app.store.schema"
    ),
    "app.code_home": "",
    "app.commands": "",
    "app.commands.dashboard": "app.commands.usage app.main app.serving app.store.database",
    "app.commands.reading": (
        "app.commands.usage app.errors app.queries.choices app.queries.events app.queries.figures "
        "app.queries.inventory app.queries.storms app.queries.tables app.report "
        "app.store.catalogue app.store.read app.store.schema"
    ),
    "app.commands.recording": (
        "app.commands.usage app.errors app.model.guest app.queries.inventory app.queries.live "
        "app.queries.retention app.queries.storms app.store.database "
        "app.store.errors app.store.protocol app.store.read app.store.schema app.store.write "
        "collector.capture.agent collector.capture.choice collector.capture.doctor "
        "collector.capture.host_facts collector.capture.inventory collector.capture.kernel_memory "
        "collector.capture.live collector.capture.privileges collector.capture.tracefs "
        "collector.importing collector.kvm.catalogue collector.recipes collector.simulator "
        "collector.simulator.scenarios collector.trace.errors"
    ),
    "app.commands.upkeep": (
        "app.commands.recording app.commands.usage app.errors app.model.stats app.queries.choices "
        "app.queries.events app.queries.figures app.queries.history app.queries.maps "
        "app.queries.inventory app.queries.storms app.resources app.store.catalogue "
        "app.store.database app.store.read app.store.write collector.capture.doctor "
        "collector.simulator"
    ),
    "app.commands.usage": (
        "app.errors app.model.stats app.queries.choices app.queries.events app.queries.figures "
        "app.queries.inventory app.queries.storms app.resources app.store.database "
        "app.store.errors app.store.read collector.trace.errors"
    ),
    "app.compiled": "app.code_home",
    "app.http": (
        "app.importing app.queries.counters app.queries.history app.queries.live "
        "app.queries.maps app.queries.storms app.settings app.store.catalogue "
        "app.store.database app.store.errors app.store.read"
    ),
    "app.http.answers": (
        "app.queries.choices app.queries.tables app.store.checksums app.store.errors"
    ),
    "app.http.parameters": (
        "app.http.answers app.http.dependencies app.http.limits app.model.guest app.model.stats "
        "app.queries.events app.queries.history app.queries.storms app.store.schema"
    ),
    "app.importing": "app.store.database app.store.errors",
    "app.model": "",
    "app.model.events": "app.model.guest",
    "app.model.guest": "",
    "app.model.pagemap": "app.compiled app.model.events app.model.guest app.model.intervals",
    "app.model.raster": (
        "app.compiled app.model.events app.model.guest app.model.intervals app.model.pagemap"
    ),
    "app.model.stats": "app.compiled app.model.events app.model.guest app.model.pagemap",
    "app.pages": (
        "app.access app.http.answers app.http.dependencies app.http.limits app.http.parameters "
        "app.model.intervals app.queries.choices app.queries.events app.queries.figures "
        "app.queries.history app.queries.home app.queries.inventory app.queries.live "
        "app.queries.maps app.queries.storms app.rendering app.store.errors app.store.protocol "
        "app.store.read app.store.schema app.store.segments app.templating"
    ),
    "app.queries": "",
    "app.queries.counters": (
        "app.model.events app.model.guest app.model.stats app.queries.figures "
        "app.queries.history app.store.read app.store.schema"
    ),
    "app.queries.events": (
        "app.model.events app.model.guest app.model.stats app.queries.choices app.queries.figures "
        "app.queries.tables app.store.read app.store.schema"
    ),
    "app.queries.figures": "app.model.guest app.store.read app.store.schema",
    "app.queries.history": (
        "app.model.events app.model.guest app.model.intervals app.model.pagemap app.model.raster "
        "app.model.stats app.queries.events app.queries.figures app.queries.home "
        "app.queries.inventory app.queries.maps app.store.errors app.store.protocol "
        "app.store.read app.store.schema app.store.segments"
    ),
    "app.queries.home": (
        "app.model.events app.model.guest app.model.raster app.model.stats app.queries.figures "
        "app.queries.inventory app.queries.live app.queries.maps app.store.read app.store.schema "
        "app.store.segments"
    ),
    "app.queries.inventory": (
        "app.model.guest app.queries.figures app.store.catalogue app.store.database "
        "app.store.errors app.store.protocol app.store.read app.store.schema"
    ),
    "app.queries.live": (
        "app.model.events app.model.guest app.model.stats app.queries.choices app.queries.figures "
        "app.queries.storms app.store.read app.store.schema"
    ),
    "app.queries.maps": (
        "app.model.events app.model.guest app.model.intervals app.model.raster "
        "app.queries.figures app.store.read app.store.schema app.store.segments"
    ),
    "app.queries.retention": (
        "app.model.stats app.queries.storms app.store.catalogue app.store.database "
        "app.store.errors app.store.read app.store.retention"
    ),
    "app.queries.storms": (
        "app.model.events app.model.guest app.model.pagemap app.model.stats app.queries.choices "
        "app.queries.events app.queries.figures app.queries.inventory app.store.errors "
        "app.store.read app.store.schema app.store.segments"
    ),
    "app.queries.tables": (
        "app.model.events app.model.guest app.model.stats app.queries.choices app.queries.figures "
        "app.queries.inventory"
    ),
    "app.report": (
        "app.http.dependencies app.http.parameters app.model.guest app.model.stats "
        "app.queries.events app.queries.figures app.queries.history app.queries.home "
        "app.queries.inventory app.queries.maps app.queries.storms app.rendering app.resources "
        "app.store.read app.store.schema app.templating"
    ),
    "app.serving": "app.access app.errors app.http.answers app.pages app.settings app.templating",
    "app.store": "app.model.events app.model.guest",
    "app.store.catalogue": (
        "app.model.guest app.store.checksums app.store.database app.store.errors "
        "app.store.protocol app.store.schema"
    ),
    "app.store.codecs": "app.compiled app.model.events app.model.guest app.model.raster",
    "app.store.database": "app.store.checksums app.store.errors app.store.schema",
    "app.store.read": (
        "app.model.events app.model.guest app.model.pagemap app.model.raster app.model.stats "
        "app.store.catalogue app.store.checksums app.store.database app.store.errors "
        "app.store.protocol app.store.schema app.store.segments"
    ),
    "app.store.retention": (
        "app.store.checksums app.store.database app.store.errors app.store.schema "
        "app.store.segments"
    ),
    "app.store.schema": "app.model.guest app.store.errors",
    "app.store.segments": (
        "app.compiled app.model.events app.model.guest app.model.pagemap app.model.raster "
        "app.model.stats app.store.catalogue app.store.checksums app.store.codecs "
        "app.store.database app.store.errors app.store.schema"
    ),
    "app.store.write": (
        "app.compiled app.model.events app.model.guest app.model.pagemap app.model.raster "
        "app.model.stats app.store.checksums app.store.codecs app.store.database "
        "app.store.errors app.store.protocol app.store.schema app.store.segments"
    ),
    "collector": "app.model.events app.model.guest collector.kvm.catalogue",
    "collector.assemble": (
        "app.compiled app.model.events app.model.guest app.store.protocol "
        "collector.assemble.floods collector.assemble.identity collector.assemble.memslots "
        "collector.codes collector.coverage collector.description collector.kvm.catalogue "
        "collector.kvm.uapi collector.records collector.vm_inventory"
    ),
    "collector.assemble.floods": (
        "app.compiled app.model.events app.model.guest collector.assemble.identity "
        "collector.assemble.memslots collector.codes collector.kvm.catalogue collector.kvm.uapi "
        "collector.records"
    ),
    "collector.assemble.identity": (
        "app.model.events app.model.guest app.store.protocol collector.assemble.memslots "
        "collector.codes collector.kvm.catalogue collector.kvm.uapi collector.records "
        "collector.vm_inventory"
    ),
    "collector.assemble.memslots": "app.model.events app.model.guest",
    "collector.capture": (
        "app.code_home collector.capture.bpftrace collector.capture.tracefs collector.description "
        "collector.kvm.catalogue collector.kvm.uapi collector.records"
    ),
    "collector.capture.agent": (
        "app.store.protocol collector.assemble collector.assemble.identity "
        "collector.assemble.memslots collector.capture.host_facts collector.capture.inventory "
        "collector.capture.kernel_memory collector.capture.live collector.codes "
        "collector.coverage collector.description collector.records collector.vm_inventory"
    ),
    "collector.capture.bpftrace": (
        "collector.capture.inventory collector.capture.live collector.capture.memfd_device "
        "collector.codes collector.coverage collector.description collector.kvm.catalogue "
        "collector.recipes collector.records collector.trace.bpftrace"
    ),
    "collector.capture.doctor": (
        "collector.capture.choice collector.capture.host_facts collector.capture.privileges "
        "collector.capture.tracefs collector.kvm.catalogue collector.kvm.uapi"
    ),
    "collector.capture.host_facts": (
        "collector.capture.privileges collector.kvm.catalogue collector.kvm.uapi"
    ),
    "collector.capture.inventory": (
        "app.model.guest collector.description collector.kvm.uapi collector.recipes "
        "collector.vm_inventory"
    ),
    "collector.capture.kernel_memory": (
        "app.model.events app.model.guest collector.capture.inventory collector.kvm.uapi "
        "collector.vm_inventory"
    ),
    "collector.capture.tracefs": (
        "collector.capture.live collector.capture.memfd_device collector.codes collector.coverage "
        "collector.description collector.importing collector.kvm.catalogue collector.kvm.uapi "
        "collector.pairing collector.records collector.trace.ring_buffer"
    ),
    "collector.importing": (
        "app.model.guest app.store.protocol collector.assemble collector.capture.inventory "
        "collector.codes collector.coverage collector.description collector.kvm.catalogue "
        "collector.kvm.uapi collector.pairing collector.records collector.trace.bpftrace "
        "collector.trace.errors collector.trace.qemu collector.trace.text "
        "collector.trace.tracedat collector.vm_inventory"
    ),
    "collector.kvm": "app.model.guest collector.codes",
    "collector.pairing": (
        "app.compiled app.model.guest collector.codes collector.kvm.catalogue collector.kvm.uapi "
        "collector.records"
    ),
    "collector.recipes": (
        "collector.codes collector.coverage collector.kvm.catalogue collector.kvm.uapi"
    ),
    "collector.simulator": (
        "app.model.events app.model.guest app.store.protocol collector.coverage collector.kvm.uapi"
    ),
    "collector.simulator.phases": (
        "app.model.events app.model.guest collector.kvm.uapi collector.simulator"
    ),
    "collector.simulator.scenarios": (
        "app.model.guest collector.simulator collector.simulator.phases"
    ),
    "collector.trace": "",
    "collector.trace.bpftrace": (
        "app.compiled app.model.guest collector.codes collector.coverage collector.kvm.catalogue "
        "collector.pairing collector.records collector.trace.errors"
    ),
    "collector.trace.qemu": (
        "app.compiled app.model.guest collector.codes collector.kvm.uapi collector.pairing "
        "collector.records collector.trace.text"
    ),
    "collector.trace.ring_buffer": (
        "app.compiled collector.codes collector.kvm.catalogue collector.records"
    ),
    "collector.trace.text": (
        "app.compiled collector.codes collector.kvm.catalogue collector.records "
        "collector.trace.errors collector.trace.ring_buffer collector.trace.tracedat"
    ),
    "collector.trace.tracedat": (
        "collector.codes collector.kvm.catalogue collector.records collector.trace.errors "
        "collector.trace.ring_buffer"
    ),
}
