/**
 * The shapes of the API that pages use, as docs/api.md and /api/v1/openapi.json have them in full.
 *
 * @typedef {"Pending"|"Blocked"|"Ready"|"Running"|"NeedsDecision"|"Held"|"Succeeded"|"Failed"|"Cancelled"} Phase
 *
 * @typedef {object} BeadInfo A bead as lists show it.
 * @property {string} name
 * @property {string} uid
 * @property {string} resourceVersion
 * @property {string} title
 * @property {string} type
 * @property {Phase} phase
 * @property {string} priority
 * @property {string} effectivePriority
 * @property {string} [inheritedFrom] Who lends that priority.
 * @property {"Run"|"Hold"|"Cancel"} desired
 * @property {Record<string, string>} labels
 * @property {string} [parent]
 * @property {string[]} dependsOn
 * @property {string[]} blockedBy
 * @property {string} [worker]
 * @property {string} [session]
 * @property {number} attempts
 * @property {number} iteration
 * @property {string} [outcome]
 * @property {number} usd
 * @property {string} [createdAt]
 * @property {string} [finishedAt]
 *
 * @typedef {object} Metadata
 * @property {string} name
 * @property {string} namespace
 * @property {string} uid
 * @property {string} resourceVersion
 * @property {Record<string, string>} [labels]
 * @property {Record<string, string>} [annotations]
 * @property {string} [creationTimestamp]
 *
 * @typedef {object} Condition
 * @property {string} type
 * @property {string} status
 * @property {string} reason
 * @property {string} [message]
 * @property {string} [lastTransitionTime]
 *
 * @typedef {object} Bead A bead in full.
 * @property {Metadata} metadata
 * @property {any} spec
 * @property {any} status
 *
 * @typedef {object} Session
 * @property {string} name
 * @property {string} state
 * @property {string} [bead]
 * @property {number} [iteration]
 * @property {string} [startedAt]
 * @property {string} [lastProgressAt]
 * @property {string} [attach]
 * @property {number} [restarts]
 * @property {string} [reason]
 * @property {string} [message]
 *
 * @typedef {object} Worker
 * @property {Metadata} metadata
 * @property {any} spec
 * @property {{replicas?: number, readyReplicas?: number, busyReplicas?: number, desiredReplicas?: number,
 *   sessions?: Session[], conditions?: Condition[], capabilities?: any[],
 *   costToday?: {usd?: number, tokens?: number}}} status
 *
 * @typedef {object} Me
 * @property {string} name
 * @property {string} displayName
 * @property {"session"|"token"|"cluster"} credential
 * @property {string[]} groups
 * @property {{namespace: string, role: Role}[]} roles
 * @property {string} [csrf]
 * @property {string} [expiresAt]
 * @property {string} [signOutPage] Where the session at the provider is ended too.
 *
 * @typedef {"viewer"|"contributor"|"maintainer"|"admin"} Role
 *
 * @typedef {object} Project
 * @property {string} namespace
 * @property {number} beads
 * @property {number} openBeads
 * @property {number} runningBeads
 * @property {number} workers
 *
 * @typedef {object} Change What changed since pages were last told.
 * @property {Set<string>} beads Names.
 * @property {Set<string>} workers Names.
 * @property {ObjectEvent[]} events That were told, in their order.
 * @property {boolean} all Anything may have changed.
 *
 * @typedef {object} ObjectEvent
 * @property {number} id
 * @property {"Normal" | "Warning"} type
 * @property {string} reason
 * @property {string} message
 * @property {string} at When it was last so.
 * @property {number} count
 * @property {string} kind
 * @property {string} name
 * @property {string} uid
 */
export {};
