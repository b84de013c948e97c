namespace RpcNet.Cluster;

/// <summary>What was decided about a call or a worker.</summary>
public enum RoutingDecisionKind
{
    /// <summary>A worker was selected for a call.</summary>
    Selected,

    /// <summary>A worker was taken out because its calls failed or took too long, or its callers said so.</summary>
    Ejected,

    /// <summary>A call goes on to another worker because the one given was not reached.</summary>
    FailedOver,

    /// <summary>A call is sent again, to another worker, because the one given failed it.</summary>
    Retried,

    /// <summary>A call is not sent again or to a second worker, because the budget for that is used up.</summary>
    RetryRefused,

    /// <summary>A call is sent to a second worker, the one given, because the first has not answered.</summary>
    Hedged,

    /// <summary>A call was refused at once because every worker has as many as it may.</summary>
    Shed,
}

/// <summary>A decision, as it is made.</summary>
/// <param name="Kind">What was decided.</param>
/// <param name="Worker">The worker that it is about; null where it is about all of them.</param>
/// <param name="Method">The method's full name; null where the decision is not about one call's method.</param>
/// <param name="Reason">Why, for people; null where the kind says it all.</param>
public readonly record struct RoutingDecision(RoutingDecisionKind Kind, Worker? Worker, string? Method, string? Reason);
