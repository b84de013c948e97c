namespace RpcNet;

/// <summary>How a call ended. The numbers equal gRPC's (grpc/doc/statuscodes.md), so that people and tools know them.</summary>
public enum RpcStatusCode
{
    /// <summary>The call succeeded.</summary>
    Ok = 0,

    /// <summary>The caller or the handler cancelled the call.</summary>
    Cancelled = 1,

    /// <summary>An error of a kind that no other code describes.</summary>
    Unknown = 2,

    /// <summary>The arguments can never be valid: malformed payload, failed validation.</summary>
    InvalidArgument = 3,

    /// <summary>The deadline passed before the call completed.</summary>
    DeadlineExceeded = 4,

    /// <summary>What was asked for does not exist.</summary>
    NotFound = 5,

    /// <summary>What was to be created exists.</summary>
    AlreadyExists = 6,

    /// <summary>The caller is known and may not do this.</summary>
    PermissionDenied = 7,

    /// <summary>A limit is reached: calls in flight, message size, a quota.</summary>
    ResourceExhausted = 8,

    /// <summary>The system is not in the state that the operation needs.</summary>
    FailedPrecondition = 9,

    /// <summary>The operation lost a race and may be tried again at a higher level.</summary>
    Aborted = 10,

    /// <summary>Past the valid range.</summary>
    OutOfRange = 11,

    /// <summary>The server does not know the service or the method.</summary>
    Unimplemented = 12,

    /// <summary>The handler failed in a way it did not foresee.</summary>
    Internal = 13,

    /// <summary>The peer cannot be reached or is going away; a retry elsewhere may succeed.</summary>
    Unavailable = 14,

    /// <summary>Data was lost or corrupted for good.</summary>
    DataLoss = 15,

    /// <summary>The caller did not prove who it is.</summary>
    Unauthenticated = 16,
}
