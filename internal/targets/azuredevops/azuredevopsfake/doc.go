// Package azuredevopsfake is an Azure DevOps in memory: a strict, stateful
// simulator of the part of the Work Item Tracking API 7.1 that a push needs.
//
// Its sources are Microsoft's published description of that API and the
// recorded examples beside it, and nothing of the adapter: it is the witness
// against which the adapter is tested. Where they leave a question open, it
// takes the reading that is harder on the client:
//
//   - a bad token gets a page to log in, under the status that BadToken names;
//   - a field, type, tag, account, path or link that Azure DevOps would refuse
//     is refused in its words, all broken rules in one answer;
//   - what it would ignore in silence (an unknown parameter, a missing version)
//     is refused too;
//   - CONTAINS also matches the beginning of a tag, and a query may lag.
//
// What must not live here: anything of package azuredevops but its Kind.
package azuredevopsfake
