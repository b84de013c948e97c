namespace RpcNet.Client;

/// <summary>The state of a channel.</summary>
public enum RpcChannelState
{
    /// <summary>Not connected; the next call connects.</summary>
    Idle,

    /// <summary>A connection is being established.</summary>
    Connecting,

    /// <summary>At least one connection takes calls.</summary>
    Ready,

    /// <summary>The last attempt failed; calls fail at once, except those that wait, until the back-off is over.</summary>
    TransientFailure,
}

/// <summary>A change of a channel's state.</summary>
/// <param name="State">The new state.</param>
/// <param name="Reason">Why, for people; null where the state says it all.</param>
public readonly record struct RpcChannelStateChange(RpcChannelState State, string? Reason);
