namespace RpcNet;

/// <summary>Marks an interface as an RPC contract: the generator writes its client, its binder and its descriptors.</summary>
/// <param name="name">
/// The service's name on the wire, such as "compute.v1.Compute". Printable ASCII without '/', at most 200 characters.
/// </param>
[AttributeUsage(AttributeTargets.Interface, Inherited = false)]
public sealed class RpcServiceAttribute(string name) : Attribute
{
    /// <summary>The service's name on the wire.</summary>
    public string Name { get; } = name;
}

/// <summary>Refines one method of a contract.</summary>
[AttributeUsage(AttributeTargets.Method, Inherited = false)]
public sealed class RpcMethodAttribute : Attribute
{
    /// <summary>The method's name on the wire; default: the C# name without a trailing "Async".</summary>
    public string? Name { get; set; }

    /// <summary>
    /// Whether running the method twice does no harm. Only idempotent methods are retried after their handler may have
    /// run, or hedged.
    /// </summary>
    public bool Idempotent { get; set; }

    /// <summary>
    /// Whether a recorded call of the method may be repeated by anyone, at any time and at any server: reads whose
    /// answer, cost and traces matter to nobody. Such calls may travel as early data (0-RTT) where both sides allow
    /// it. More than <see cref="Idempotent"/>, which it needs; unary methods alone.
    /// </summary>
    public bool Replayable { get; set; }

    /// <summary>The deadline that a call gets when its caller sets none, in milliseconds; 0 means none.</summary>
    public int TimeoutMilliseconds { get; set; }
}
