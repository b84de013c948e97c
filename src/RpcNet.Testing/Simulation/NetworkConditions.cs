namespace RpcNet.Testing.Simulation;

/// <summary>What the simulated network does to messages.</summary>
public sealed class NetworkConditions
{
    /// <summary>The share of messages, each way, whose first transmission is lost.</summary>
    /// <value>0 … 1; default 0.</value>
    public double Loss { get; set; }

    /// <summary>
    /// Of the lost ones, the share that comes late, as a stream's bytes are sent again; the others fail with their connection.
    /// </summary>
    /// <value>0 … 1; default 0.5.</value>
    public double LateShare { get; set; } = 0.5;

    /// <summary>How late those come.</summary>
    /// <value>Default 200 ms to 1 s, evenly spread.</value>
    public (TimeSpan From, TimeSpan To) Lateness { get; set; } = (TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(1));

    /// <summary>The share of messages that arrives twice.</summary>
    /// <value>0 … 1; default 0. Streams never do that; a peer that resends after a reconnect may.</value>
    public double Duplication { get; set; }

    /// <summary>The least delay.</summary>
    /// <value>Default 0.5 ms.</value>
    public TimeSpan Delay { get; set; } = TimeSpan.FromMilliseconds(0.5);

    /// <summary>Added to the delay, evenly spread from 0.</summary>
    /// <value>Default 2 ms.</value>
    public TimeSpan Jitter { get; set; } = TimeSpan.FromMilliseconds(2);
}
